import GRPCCore

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

  /// Interrupted from the keyboard.
  static let interrupted = Failure(message: "interrupted", exitCode: 130)

  init(message: String, exitCode: Int32 = 1) {
    self.message = message
    self.exitCode = exitCode
  }

  /// What went wrong with a file.
  init(file path: String, _ action: String, errno code: Int32) {
    self.init(message: "cannot \(action) \(path): \(String(cString: strerror(code)))")
  }

  /// What the daemon answered.
  init(_ error: RPCError) {
    self.init(message: error.message.isEmpty ? "\(error.code)" : error.message)
    self.asksForConversion =
      error.code == .invalidArgument && error.message.contains("convert it: ffmpeg -i ")
  }
}
