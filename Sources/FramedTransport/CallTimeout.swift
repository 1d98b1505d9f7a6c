/// The value of `grpc-timeout`: one to eight digits and a unit (framing.md, section 6).
///
/// GRPCCore 2.4.3 writes eight digits and a unit where its own reader takes seven, so that the deadline
/// is lost; this type reads eight and writes at most seven, rounded up.
package struct CallTimeout: Hashable, Sendable {
  package enum Unit: UInt8, Sendable {
    case nanoseconds = 0x6e
    case microseconds = 0x75
    case milliseconds = 0x6d
    case seconds = 0x53
    case minutes = 0x4d
    case hours = 0x48

    /// The next coarser unit and how many of this one it holds.
    fileprivate var coarser: (unit: Unit, size: Int64)? {
      switch self {
      case .nanoseconds: (.microseconds, 1000)
      case .microseconds: (.milliseconds, 1000)
      case .milliseconds: (.seconds, 1000)
      case .seconds: (.minutes, 60)
      case .minutes: (.hours, 60)
      case .hours: nil
      }
    }
  }

  static let key = "grpc-timeout"
  private static let maximumWritten: Int64 = 9_999_999
  /// A longer timeout is none: ten years of 365 days.
  private static let longest = Duration.seconds(10 * 365 * 86_400)

  /// 0 to 99,999,999.
  package let amount: Int64
  package let unit: Unit

  /// Reads "15000m". Nil if `text` has another form.
  package init?(_ text: String) {
    var bytes = text.utf8[...]
    guard let last = bytes.popLast(), let unit = Unit(rawValue: last),
      (1...8).contains(bytes.count)
    else { return nil }
    var amount: Int64 = 0
    for byte in bytes {
      guard (0x30...0x39).contains(byte) else { return nil }
      amount = amount * 10 + Int64(byte - 0x30)
    }
    self.amount = amount
    self.unit = unit
  }

  /// The shortest timeout that is not shorter than `duration`; nil if that is not positive.
  package init?(_ duration: Duration) {
    guard duration > .zero else { return nil }
    let (seconds, attoseconds) = min(duration, Self.longest).components
    let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
    switch seconds {
    case 0 where nanoseconds <= Self.maximumWritten:
      (self.amount, self.unit) = (nanoseconds, .nanoseconds)
    case 0..<9:
      (self.amount, self.unit) = (seconds * 1_000_000 + (nanoseconds + 999) / 1000, .microseconds)
    case 9..<9999:
      let milliseconds = (nanoseconds + 999_999) / 1_000_000
      (self.amount, self.unit) = (seconds * 1000 + milliseconds, .milliseconds)
    default:
      (self.amount, self.unit) = (seconds + (nanoseconds > 0 ? 1 : 0), .seconds)
    }
  }

  /// At most seven digits and a unit, rounded up.
  package var text: String {
    var (amount, unit) = (self.amount, self.unit)
    while amount > Self.maximumWritten, let (coarser, size) = unit.coarser {
      amount = (amount + size - 1) / size
      unit = coarser
    }
    let digits = String(min(amount, Self.maximumWritten))
    return digits + String(UnicodeScalar(unit.rawValue))
  }

  /// The time meant, or nil where it is too long to be kept.
  package var duration: Duration? {
    let duration: Duration =
      switch self.unit {
      case .nanoseconds: .nanoseconds(self.amount)
      case .microseconds: .microseconds(self.amount)
      case .milliseconds: .milliseconds(self.amount)
      case .seconds: .seconds(self.amount)
      case .minutes: .seconds(60 * self.amount)
      case .hours: .seconds(3600 * self.amount)
      }
    return duration > Self.longest ? nil : duration
  }
}
