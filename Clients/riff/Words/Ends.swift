import ArgumentParser

/// What an option says of both ends of a morph: "A:B", or "A" for both.
struct Ends<Number: Sendable>: Sendable {
  var from: Number
  var to: Number

  private init(_ text: String, _ read: (String) throws -> Number) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2 else { throw ValidationError("must be A or A:B") }
    self.from = try read(parts[0])
    self.to = try parts.count == 2 ? read(parts[1]) : self.from
  }
}

extension Ends where Number == UInt64 {
  /// Whole numbers from 0.
  static let whole: @Sendable (String) throws -> Ends<UInt64> = { text in
    try Ends(text, Value.whole(0...UInt64.max))
  }
}

extension Ends where Number == Double {
  /// Numbers in `range`.
  static func number(_ range: ClosedRange<Double>) -> @Sendable (String) throws -> Ends<Double> {
    { text in try Ends(text, Value.number(range)) }
  }
}
