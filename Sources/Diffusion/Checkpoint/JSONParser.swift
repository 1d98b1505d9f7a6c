/// Reads one JSON document; refuses whatever RFC 8259 refuses, duplicate names, and deep nesting.
///
/// `Infinity`, `-Infinity` and `NaN` are taken, because Python writes them: a DPM-Solver's file has
/// `"lambda_min_clipped": -Infinity`. ``ConfigReader`` refuses them wherever it expects a number.
struct JSONParser {
  struct Failure: Error {
    let message: String
  }

  private static let deepest = 32

  private let bytes: [UInt8]
  private var position = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
    var parser = JSONParser(bytes)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.failure("data after the document") }
    return value
  }

  private func failure(_ what: String) -> Failure {
    Failure(message: "invalid JSON at byte \(position): \(what)")
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func value(depth: Int) throws(Failure) -> JSONValue {
    guard depth < Self.deepest else { throw failure("nested too deeply") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "I"): return try word("Infinity", .number(.infinity))
    case UInt8(ascii: "N"): return try word("NaN", .number(.nan))
    case UInt8(ascii: "-") where position + 1 < bytes.count && bytes[position + 1] == 0x49:
      return try word("-Infinity", .number(-.infinity))
    case nil: throw failure("unexpected end")
    default: return try number()
    }
  }

  private mutating func word(_ text: String, _ value: JSONValue) throws(Failure) -> JSONValue {
    for byte in text.utf8 {
      guard next == byte else { throw failure("unknown word") }
      position += 1
    }
    return value
  }

  private mutating func object(depth: Int) throws(Failure) -> JSONValue {
    position += 1
    var members: [(name: String, value: JSONValue)] = []
    var names: Set<[UInt8]> = []
    skipSpace()
    if next == UInt8(ascii: "}") {
      position += 1
      return .object(JSONObject(members: members))
    }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("expected a name in quotes") }
      let name = try string()
      guard names.insert(Array(name.utf8)).inserted else {
        throw failure("\"\(name)\" occurs twice")
      }
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw failure("expected a colon") }
      position += 1
      members.append((name, try value(depth: depth + 1)))
      skipSpace()
      if next == UInt8(ascii: ",") {
        position += 1
      } else if next == UInt8(ascii: "}") {
        position += 1
        return .object(JSONObject(members: members))
      } else {
        throw failure("expected a comma or a closing brace")
      }
    }
  }

  private mutating func array(depth: Int) throws(Failure) -> JSONValue {
    position += 1
    var elements: [JSONValue] = []
    skipSpace()
    if next == UInt8(ascii: "]") {
      position += 1
      return .array(elements)
    }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if next == UInt8(ascii: ",") {
        position += 1
      } else if next == UInt8(ascii: "]") {
        position += 1
        return .array(elements)
      } else {
        throw failure("expected a comma or a closing bracket")
      }
    }
  }

  private mutating func number() throws(Failure) -> JSONValue {
    let start = position
    var whole = true
    while let byte = next {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): whole = false
      default:
        return try finishNumber(from: start, whole: whole)
      }
      position += 1
    }
    return try finishNumber(from: start, whole: whole)
  }

  private func finishNumber(from start: Int, whole: Bool) throws(Failure) -> JSONValue {
    guard position > start, position - start < 64,
      let text = String(validating: bytes[start..<position], as: UTF8.self)
    else { throw failure("expected a value") }
    if whole, let integer = Int(text) { return .integer(integer) }
    guard text.utf8.first != UInt8(ascii: "+"), let number = Double(text), number.isFinite else {
      throw failure("not a number: \(text)")
    }
    return .number(number)
  }

  private mutating func string() throws(Failure) -> String {
    position += 1
    let start = position
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      position += 1
    }
    if next == UInt8(ascii: "\"") {
      guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
        throw failure("not UTF-8")
      }
      position += 1
      return text
    }
    var units = Array(bytes[start..<position])
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: units, as: UTF8.self) else {
          throw failure("not UTF-8")
        }
        return text
      case UInt8(ascii: "\\"):
        try escape(into: &units)
      case 0..<0x20:
        throw failure("a control character in a string")
      default:
        units.append(byte)
      }
    }
    throw failure("unterminated string")
  }

  private mutating func escape(into units: inout [UInt8]) throws(Failure) {
    guard let byte = next else { throw failure("unterminated string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
    case UInt8(ascii: "b"): units.append(0x08)
    case UInt8(ascii: "f"): units.append(0x0C)
    case UInt8(ascii: "n"): units.append(0x0A)
    case UInt8(ascii: "r"): units.append(0x0D)
    case UInt8(ascii: "t"): units.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if 0xD800...0xDBFF ~= code {
        guard next == UInt8(ascii: "\\") else { throw failure("unpaired surrogate") }
        position += 1
        guard next == UInt8(ascii: "u") else { throw failure("unpaired surrogate") }
        position += 1
        let low = try hexadecimal()
        guard 0xDC00...0xDFFF ~= low else { throw failure("unpaired surrogate") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("unpaired surrogate") }
      units.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw failure("unknown escape")
    }
  }

  private mutating func hexadecimal() throws(Failure) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("expected four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
