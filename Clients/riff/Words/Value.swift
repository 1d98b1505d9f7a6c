import ArgumentParser

/// What options take: each reads its argument and says what is right where that is wrong. The
/// sentence lacks its subject, the option, which ``UsageError`` puts before it.
enum Value {
  /// A whole number in `range`.
  static func whole<T: FixedWidthInteger & Sendable>(
    _ range: ClosedRange<T>
  ) -> @Sendable (String) throws -> T {
    { text in
      guard let value = T(text), range.contains(value) else {
        throw ValidationError(
          "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
  }

  /// A number in `range`.
  static func number<T: BinaryFloatingPoint & LosslessStringConvertible & Sendable>(
    _ range: ClosedRange<T>
  ) -> @Sendable (String) throws -> T {
    { text in
      // Written so that NaN fails.
      guard let value = T(text), range.contains(value) else {
        throw ValidationError(
          "must be a number from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))")
      }
      return value
    }
  }

  /// A number above 0 and at most `limit`.
  static func positive(
    atMost limit: Double = .greatestFiniteMagnitude
  ) -> @Sendable (String) throws -> Double {
    { text in
      guard let value = Double(text), value > 0, value <= limit else {
        let end = limit < .greatestFiniteMagnitude ? " and at most \(Self.text(limit))" : ""
        throw ValidationError("must be a number above 0\(end)")
      }
      return value
    }
  }

  /// Bits per second; "128k" is 128000.
  static let bitrate: @Sendable (String) throws -> UInt32 = { text in
    let isThousands = text.last == "k"
    guard let value = UInt32(isThousands ? String(text.dropLast()) : text),
      case (let rate, false) = value.multipliedReportingOverflow(by: isThousands ? 1_000 : 1),
      rate > 0
    else { throw ValidationError("must be bits per second, as 96000 or 96k") }
    return rate
  }

  private static func text(_ value: some BinaryFloatingPoint & LosslessStringConvertible) -> String
  {
    Int(exactly: value).map { "\($0)" } ?? "\(value)"
  }
}
