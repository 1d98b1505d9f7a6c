import Configuration

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What `config.yaml` says for the command line: options that hold where nobody says otherwise, and sets of
/// options with a name.
struct Presets {
  let file: UserConfiguration
  let defaults: [YAMLKeys.Entry]
  let named: [YAMLKeys.Entry]

  /// The user's own; nil where there is no home.
  ///
  /// - Throws: ``Failure`` that names the file and the line at fault.
  static func load() throws -> Presets? {
    guard
      let path = UserConfiguration.standardPath({ getenv($0).map { String(cString: $0) } })
    else { return nil }
    do throws(UserConfiguration.Failure) {
      let file = try UserConfiguration(path: path)
      return Presets(
        file: file, defaults: try file.keys("defaults"), named: try file.keys("presets"))
    } catch {
      throw Failure(message: "\(error)")
    }
  }

  /// The keys of a preset.
  ///
  /// - Throws: ``Failure`` where there is none of that name.
  func preset(_ name: String) throws -> [YAMLKeys.Entry] {
    guard let entry = self.named.first(where: { $0.key == name }) else {
      let names = self.named.map(\.key)
      throw Failure.usage(
        names.isEmpty
          ? "there is no preset “\(name)”: \(self.file.path) has none"
          : "there is no preset “\(name)”; there are: \(names.joined(separator: ", "))")
    }
    guard case .keys(let keys) = entry.value else {
      throw Failure(
        message: "\(self.file.failure("a preset must have keys of its own", line: entry.line))")
    }
    return keys
  }

  /// The command line that says what the keys say.
  ///
  /// - Parameter strict: Whether keys that the command does not have are refused; else left out.
  /// - Throws: ``Failure`` that names the file and the line at fault.
  func arguments(
    _ keys: [YAMLKeys.Entry], for options: CommandOptions, strict: Bool
  ) throws -> [String] {
    try keys.flatMap { entry -> [String] in
      if entry.key == "prompt" { return [] }
      guard strict || options.option(entry.key) != nil else { return [] }
      let values: [String]
      switch entry.value {
      case .text(let text): values = [text]
      case .list(let list): values = list
      case .keys:
        throw Failure(
          message: "\(self.file.failure("\(entry.key) must be a value", line: entry.line))")
      }
      do {
        return try options.arguments(entry.key, values)
      } catch let failure as Failure {
        throw Failure(message: "\(self.file.failure(failure.message, line: entry.line))")
      }
    }
  }

  /// The prompt of a preset; nil where it has none.
  static func prompt(of keys: [YAMLKeys.Entry]) -> String? {
    keys.lazy.compactMap { entry in
      if entry.key == "prompt", case .text(let text) = entry.value { text } else { nil }
    }.first
  }
}
