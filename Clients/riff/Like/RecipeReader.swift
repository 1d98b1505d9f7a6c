import Provenance

/// Reads a file's settings, and knows which of them nobody has read: a file is made again as it was, or it
/// is said why not.
struct RecipeReader {
  let path: String
  let recipe: Recipe
  private var read: Set<String>

  /// What no request has: where the job ran, and what it was made from.
  private static let others: Set = [
    "method", "model_fingerprint", "file_name", "file_fingerprint", "mask_fingerprint",
    "spectrogram",
    "version", "precision", "threads", "output", "loras_fingerprint",
  ]

  init(path: String, recipe: Recipe) {
    self.path = path
    self.recipe = recipe
    self.read = Self.others
  }

  mutating func text(_ name: String) -> String? {
    self.read.insert(name)
    return self.recipe[name]
  }

  /// What `parse` makes of a setting; nil where it is not there.
  ///
  /// - Throws: ``Failure`` where `parse` makes nothing of it.
  mutating func value<Value>(_ name: String, _ parse: (String) -> Value?) throws -> Value? {
    guard let text = self.text(name) else { return nil }
    guard let value = parse(text) else {
      throw Failure(
        message: "\(self.path) says that \(name) is “\(text.prefix(100))”, which cannot be")
    }
    return value
  }

  /// Notes settings that follow from others, or are for people.
  mutating func skip(_ names: String...) { self.read.formUnion(names) }

  /// - Throws: ``Failure`` that names the settings that nobody has read.
  func finish() throws {
    let unread = self.recipe.settings.map(\.name)
      .filter { !self.read.contains($0) && !$0.hasPrefix("source.") }
    guard unread.isEmpty else {
      throw Failure(
        message: """
          \(self.path) was made with settings that this riff does not know: \
          \(unread.joined(separator: ", ")); a newer riff may make it again
          """)
    }
  }
}
