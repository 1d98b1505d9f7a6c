/// Names of which the first is taken that no file has: what the user did not name, or numbered takes.
struct FreeName {
  /// The folder, and the name up to the number.
  var base: String
  var format: MediaFormat
  /// The first number; `nil`: the first name has none, the second is "-2".
  var first: Int?

  /// Whether the user chose it, so that the seed is not added.
  var isChosen = false

  /// Name number `index`, from 0.
  func path(_ index: Int) -> String {
    let number = self.first.map { $0 + index } ?? index + 1
    let suffix = self.first == nil && index == 0 ? "" : "-\(number)"
    return "\(self.base)\(suffix).\(self.format.rawValue)"
  }

  /// More names than a folder will have files of.
  static let limit = 1_000_000
}
