/// A value that ``ConfigReader/require(_:is:)`` compares with.
enum JSONScalar: CustomStringConvertible, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, Sendable
{
  case bool(Bool)
  case integer(Int)
  case string(String)
  /// Only a missing key or null.
  case null

  init(stringLiteral value: String) { self = .string(value) }
  init(integerLiteral value: Int) { self = .integer(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }

  var description: String {
    switch self {
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .string(let value): "\"\(value)\""
    case .null: "null"
    }
  }

  func equals(_ other: JSONValue) -> Bool {
    switch (self, other) {
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.integer(let a), .number(let b)): Double(a) == b
    case (.string(let a), .string(let b)): a == b
    default: false
    }
  }
}
