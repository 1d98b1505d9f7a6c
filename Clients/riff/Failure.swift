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
  /// The status that the daemon answered with, by gRPC's name for it.
  var code: String?
  /// Whether the uploaded file is at fault, and not an option or the daemon.
  var isOfUpload = false
  /// Whether the daemon says that a sound file has to be converted first.
  var asksForConversion = false
  /// Whether the daemon says that there can be no picture of it.
  var refusesPicture = false

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
      self.code = "\(error.code)"
      return
    }
    let status = try? error.unpackGoogleRPCStatus()
    let violations = status?.details.lazy.compactMap { $0.badRequest?.violations }.first ?? []
    // What the user did not give is the file's fault: an upload has parameters of its own.
    let isUsage =
      !violations.isEmpty
      && violations.allSatisfy {
        RequestWords.isGiven(RequestWords.name(ofPath: $0.field), isUpload: file != nil)
      }
    if violations.isEmpty {
      self.init(message: RequestWords.translate(error.message))
    } else {
      let name = file.map { $0 == "-" ? "standard input" : $0 } ?? "the upload"
      let faults = violations.map { violation in
        let field = RequestWords.name(ofPath: violation.field)
        guard RequestWords.isGiven(field, isUpload: file != nil) else {
          return "\(name): \(RequestWords.untranslated(violation.violationDescription, field))"
        }
        return RequestWords.translate(violation.violationDescription, field: field)
      }
      self.init(message: faults.joined(separator: "; "), exitCode: isUsage ? 64 : 1)
    }
    self.code = "\(error.code)"
    self.isOfUpload = file != nil && !isUsage && error.code == .invalidArgument
    self.refusesPicture = violations.contains {
      RequestWords.name(ofPath: $0.field) == "want_spectrogram"
    }
    self.asksForConversion =
      error.code == .invalidArgument && error.message.contains("convert it: ffmpeg -i ")
  }
}
