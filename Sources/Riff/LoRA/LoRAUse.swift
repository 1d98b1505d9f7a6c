/// A LoRA by its name, and how much of it there is to be. Fields are those of `LoRA` in `riff.proto`.
public struct LoRAUse: Sendable, Equatable, CustomStringConvertible {
  /// 1 to 100 characters, none of them white space or `,:<>=`.
  public var name: String
  /// As `RequestLimits` says; 1 is as it was trained.
  public var weight: Double

  /// Checks nothing: a job does.
  public init(_ name: String, weight: Double = 1) {
    self.name = name
    self.weight = weight
  }

  /// Reads `NAME` or `NAME:WEIGHT`; nil where it is neither.
  public init?(reading text: some StringProtocol) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, Self.isName(name) else { return nil }
    self.init(String(name))
    guard parts.count == 2 else { return }
    guard let weight = Double(parts[1]), weight.isFinite else { return nil }
    self.weight = weight
  }

  /// Whether it can stand in a prompt and in a list of settings.
  static func isName(_ name: some StringProtocol) -> Bool {
    (1...100).contains(name.count)
      && !name.contains { $0.isWhitespace || $0.isNewline || ",:<>=".contains($0) }
  }

  /// As ``init(reading:)`` reads it.
  public var description: String {
    let short = Float(self.weight)
    return "\(self.name):\(Double(short) == self.weight ? "\(short)" : "\(self.weight)")"
  }
}
