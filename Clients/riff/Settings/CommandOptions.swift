import ArgumentParser

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The options of a command by their long names, as files may give them.
struct CommandOptions {
  struct Option: Equatable {
    /// Without the dashes.
    var name: String
    var isFlag: Bool
    var isRepeating: Bool
    /// Whether there is a `--no-` form.
    var hasOpposite = false
  }

  private(set) var options: [Option] = []

  /// Those that make no sense in a file.
  private static let commandLineOnly: Set = [
    "help", "version", "socket", "json", "preset", "preset-prompt", "like", "output",
  ]

  private struct Tool: Decodable {
    struct Command: Decodable { var arguments: [Argument]? }
    struct Argument: Decodable {
      struct Name: Decodable {
        var kind: String
        var name: String
      }
      var kind: String
      var isRepeating: Bool
      var names: [Name]?
    }
    var command: Command
  }

  init(_ command: any ParsableCommand.Type) {
    // ArgumentParser's own description of it, which its tools read.
    let description = Data(command._dumpHelp().utf8)
    guard let tool = try? JSONDecoder().decode(Tool.self, from: description) else { return }
    for argument in tool.command.arguments ?? [] where argument.kind != "positional" {
      let names = (argument.names ?? []).filter { $0.kind == "long" }.map(\.name)
      guard let name = names.first(where: { !$0.hasPrefix("no-") }),
        !Self.commandLineOnly.contains(name)
      else { continue }
      self.options.append(
        Option(
          name: name, isFlag: argument.kind == "flag", isRepeating: argument.isRepeating,
          hasOpposite: names.contains("no-" + name)))
    }
  }

  /// An option by a key of a file: its name, with hyphens or underscores.
  func option(_ key: String) -> Option? {
    let name = String(key.map { $0 == "_" ? "-" : $0 })
    return self.options.first { $0.name == name }
  }

  /// What the command line says where a file gives values for a key.
  ///
  /// - Throws: ``Failure`` that says what is right, without the file.
  func arguments(_ key: String, _ values: [String]) throws -> [String] {
    guard let option = self.option(key) else {
      let near = self.options.map(\.name).min {
        UsageError.distance(key, $0) < UsageError.distance(key, $1)
      }
      let hint = near.map { UsageError.distance(key, $0) <= 2 ? "; did you mean “\($0)”?" : "" }
      throw Failure(message: "unknown key “\(key.prefix(100))”\(hint ?? "")")
    }
    guard values.count <= 1 || option.isRepeating else {
      throw Failure(message: "\(key) must be one value, not a list")
    }
    guard option.isFlag else {
      return values.map { "--\(option.name)=\($0)" }
    }
    switch values {
    case ["true"]: return ["--" + option.name]
    case ["false"]: return option.hasOpposite ? ["--no-" + option.name] : []
    default: throw Failure(message: "\(key) must be true or false")
    }
  }
}
