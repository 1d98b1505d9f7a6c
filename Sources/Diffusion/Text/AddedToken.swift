/// A token that is known by its name, before the text is split into words.
struct AddedToken: Sendable, Hashable {
  let content: String
  /// Written as its name alone, not as an object.
  let bare: Bool
  /// Looked for in the normalized text instead of the raw one.
  let normalized: Bool

  init(_ content: String, bare: Bool = true, normalized: Bool = false) {
    self.content = content
    self.bare = bare
    self.normalized = normalized
  }

  /// As transformers writes it: its name alone, or an object. White space makes no tokens, so what
  /// `lstrip` and `rstrip` say does not count.
  ///
  /// `special`: that it is, whether or not the object says so.
  init(
    _ value: JSONValue, special: Bool, in config: ConfigReader, _ key: String
  ) throws(DiffusionError) {
    switch value {
    case .string(let name):
      self.init(name)
    case .object(let object):
      let token = ConfigReader(file: config.file, object: object)
      try token.require("single_word", is: false)
      let declared = try token.bool("special", default: false)
      self.init(
        try token.string("content"), bare: false,
        normalized: try token.bool("normalized", default: !(special || declared)))
    case .null, .bool, .integer, .number, .array:
      throw config.failure(key, "must hold tokens, not \(value.kindName)")
    }
    guard !content.isEmpty else { throw config.failure(key, "has a token without a name") }
  }
}
