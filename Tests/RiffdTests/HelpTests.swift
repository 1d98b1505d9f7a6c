import Foundation
import Testing

/// What `--help` says, and in which order.
@Suite struct HelpTests {
  private func help(_ arguments: [String]) async throws -> [String] {
    let result = try await Program.run(Checkout.program("riff"), arguments + ["--help"])
    try #require(result.status == 0, "\(result.errors)")
    return String(decoding: result.output, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  private static let commands = [
    "generate", "remix", "extend", "morph", "jam", "batch", "render", "play", "spectrogram",
    "sample", "info",
    "config", "web", "status", "models", "cancel", "stop", "restart",
  ]

  private struct Tool: Decodable {
    struct Command: Decodable {
      var commandName: String
      var arguments: [Argument]?
      var subcommands: [Command]?
    }
    struct Argument: Decodable {
      struct Name: Decodable { var name: String }
      var kind: String
      var shouldDisplay: Bool
      var preferredName: Name?
      var abstract: String?
    }
    var command: Command
  }

  /// A command's options as ArgumentParser describes them.
  private func options(_ command: String) async throws -> [Tool.Argument] {
    let dump = try await Program.run(
      Checkout.program("riff"), [command, "--experimental-dump-help"])
    let tool = try JSONDecoder().decode(Tool.self, from: Data(dump.output))
    let found =
      tool.command.commandName == command
      ? tool.command : tool.command.subcommands?.first { $0.commandName == command }
    return try #require(found?.arguments).filter { $0.kind != "positional" && $0.shouldDisplay }
  }

  /// What is the same option everywhere is described alike, and stands in the same group.
  @Test func commandsThatPaintShareTheirOptions() async throws {
    let painting = ["generate", "extend", "jam", "remix", "morph"]
    let shared = [
      "model", "negative", "steps", "scheduler", "lora", "guidance-interval", "deep-cache",
    ]
    var texts: [String: Set<String>] = [:]
    for command in painting {
      let options = try await self.options(command)
      for name in shared + (command == "morph" ? [] : ["seed", "guidance"]) {
        let own = options.filter { $0.preferredName?.name == name }
        #expect(own.count == 1, "\(command) --\(name)")
        texts[name, default: []].formUnion(own.map { $0.abstract ?? "" })
      }
      let lines = try await self.help([command])
      let start = try #require(lines.firstIndex(of: "MODEL AND SAMPLER:"), "\(command)")
      let group = lines[(start + 1)...].prefix { !$0.isEmpty }
      let own = group.filter { $0.hasPrefix("  --") }
        .map { String($0.dropFirst(4).prefix { $0 != " " }) }
      // In the same order.
      let order = ["model", "negative", "steps", "guidance", "scheduler", "lora"]
      #expect(own.filter { order.contains($0) } == order, "\(command): \(own)")
    }
    for (name, descriptions) in texts {
      #expect(descriptions.count == 1, "--\(name): \(descriptions)")
    }
  }

  /// In the help, and so in the manual pages, which are made of the same text.
  @Test func allHaveAnExample() async throws {
    for command in Self.commands + ["models load", "models unload"] {
      let lines = try await self.help(command.split(separator: " ").map(String.init))
      #expect(
        lines.contains { ($0.drop { $0 == " " } + " ").hasPrefix("riff \(command) ") },
        "\(command)")
    }
    for program in ["riffd", "riff-web"] {
      let result = try await Program.run(Checkout.program(program), ["--help"])
      let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
      #expect(lines.contains { ($0 + " ").hasPrefix("\(program) ") }, "\(program)")
    }
  }

  @Test func allFitsEightyColumns() async throws {
    for command in [[]] + Self.commands.map({ [$0] }) {
      let long = try await self.help(command).filter { $0.count > 80 }
      #expect(long.isEmpty, "\(command): \(long)")
    }
  }

  /// The options that most people need come first, and no option is lost or there twice.
  @Test(
    arguments: ["generate", "remix", "extend", "morph", "jam", "batch", "render", "spectrogram"])
  func theMostUsedComeFirst(command: String) async throws {
    let lines = try await self.help([command])
    let titles = lines.filter { $0.hasSuffix(":") && $0 == $0.uppercased() && !$0.isEmpty }
    let first = try #require(titles.first { $0 != "ARGUMENTS:" })
    #expect(first == "MOST USED OPTIONS:", "\(titles)")
    let start = try #require(lines.firstIndex(of: first))
    let own = lines[(start + 1)...].prefix { !$0.isEmpty }.filter { $0.hasPrefix("  -") }
    #expect((1...5).contains(own.count), "\(own)")

    // ArgumentParser's own description has them all.
    let names = try await self.options(command).compactMap(\.preferredName?.name)
    #expect(names.count > 3)
    for name in names where name != "help" && name != "version" {
      let entries = lines.filter { line in
        let names = line.dropFirst(2).components(separatedBy: "  ")[0]
        return line.hasPrefix("  -")
          && names.split { " ,/".contains($0) }.contains { $0 == "--\(name)" || $0 == "-\(name)" }
      }
      #expect(entries.count == 1, "--\(name): \(entries)")
    }
  }

  @Test func commandsAreInGroups() async throws {
    let lines = try await self.help([])
    for title in ["MAKE MUSIC:", "SOUNDS AND PICTURES:", "THE DAEMON:"] {
      #expect(lines.contains(title))
    }
    for command in Self.commands {
      #expect(lines.count { $0.hasPrefix("  \(command) ") } == 1, "\(command)")
    }
    #expect(lines.contains("See 'riff help <subcommand>' for detailed help."))
  }
}
