import GRPCCore
import GRPCProtobuf
import SwiftProtobuf

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Why the command ends without success.
struct Failure: Error {
  var message: String
  var exitCode: Int32 = 1
  /// Whether the daemon says that a sound file has to be converted first.
  var asksForConversion = false

  /// The reader of the output has what it wanted: the command ends as SIGPIPE would end it, without a
  /// word.
  static let readerQuit = Failure(message: "", exitCode: 128 + SIGPIPE)

  init(message: String, exitCode: Int32 = 1) {
    self.message = message
    self.exitCode = exitCode
  }

  /// A command line that makes no sense.
  static func usage(_ message: String) -> Failure { Failure(message: message, exitCode: 64) }

  /// Ended by a signal.
  static func interrupted(by signal: Int32) -> Failure {
    Failure(message: "interrupted", exitCode: 128 + signal)
  }

  /// What went wrong with a file.
  init(file path: String, _ action: String, errno code: Int32) {
    self.init(message: "cannot \(action) \(path): \(String(cString: strerror(code)))")
  }

  /// What the daemon answered, in the words of our options; wrong values are wrong usage.
  ///
  /// - Parameter file: What was uploaded.
  init(_ error: RPCError, file: String? = nil) {
    guard !error.message.isEmpty else {
      self.init(message: "\(error.code)")
      return
    }
    let status = try? error.unpackGoogleRPCStatus()
    let field = status?.details.lazy.compactMap { $0.badRequest?.violations.first?.field }.first
    let isValue = error.code == .invalidArgument || error.code == .notFound
    if let field, RequestWords.hasOption(field) {
      self.init(
        message: RequestWords.translate(error.message, field: field),
        exitCode: isValue ? 64 : 1)
      return
    }
    var message = RequestWords.translate(error.message)
    if let field, let file {
      // What is wrong with the upload is said of the file.
      if message.hasPrefix(field + ": ") { message.removeFirst(field.count + 2) }
      message = "\(file == "-" ? "standard input" : file): \(message)"
    }
    self.init(message: message)
    self.asksForConversion =
      error.code == .invalidArgument && error.message.contains("convert it: ffmpeg -i ")
  }
}
