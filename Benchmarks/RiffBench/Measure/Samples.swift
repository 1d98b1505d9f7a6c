/// Measurements of one thing.
struct Samples: CustomStringConvertible {
  private var values: [Double] = []

  mutating func add(_ value: Double) { self.values.append(value) }

  var best: Double { self.values.min() ?? .nan }

  var worst: Double { self.values.max() ?? .nan }

  var mean: Double { self.values.reduce(0, +) / Double(self.values.count) }

  var median: Double {
    let sorted = self.values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// "1.234 (1.200, 1.300)"
  var description: String {
    let ends = [self.values.min() ?? .nan, self.values.max() ?? .nan].map(Self.format)
    return "\(Self.format(self.median)) (\(ends[0]), \(ends[1]))"
  }

  /// Three decimals, without a locale.
  static func format(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    let thousandths = Int((abs(value) * 1_000).rounded())
    let digits = String(thousandths % 1_000)
    let zeros = String(repeating: "0", count: 3 - digits.count)
    return "\(value < 0 ? "-" : "")\(thousandths / 1_000).\(zeros)\(digits)"
  }
}
