import GRPCCore
import GRPCProtobuf

/// Why a call failed, in the daemon's own words, as JSON.
struct FailureJSON {
  var text: String

  init(_ error: RPCError) {
    let status = try? error.unpackGoogleRPCStatus()
    let violations = status?.details.lazy.compactMap { $0.badRequest?.violations }.first ?? []
    let faults = violations.map {
      #"{"field":\#(Self.quoted($0.field)),"description":\#(Self.quoted($0.violationDescription))}"#
    }
    self.text =
      #"{"error":{"code":\#(Self.quoted("\(error.code)")),"message":\#(Self.quoted(error.message)),"#
      + #""violations":[\#(faults.joined(separator: ","))]}}"#
  }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
