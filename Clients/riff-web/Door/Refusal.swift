import NIOHTTP1

/// Why a request is not served.
struct Refusal: Error {
  var status: HTTPResponseStatus
  var message: String

  init(_ status: HTTPResponseStatus, _ message: String) {
    self.status = status
    self.message = message
  }
}
