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
    "generate", "remix", "morph", "jam", "batch", "render", "play", "spectrogram", "sample", "info",
    "config", "web", "status", "models", "cancel", "stop", "restart",
  ]

  @Test func allFitsEightyColumns() async throws {
    for command in [[]] + Self.commands.map({ [$0] }) {
      let long = try await self.help(command).filter { $0.count > 80 }
      #expect(long.isEmpty, "\(command): \(long)")
    }
  }

  /// The options that most people need come first, and no option is lost or there twice.
  @Test(arguments: ["generate", "remix", "morph", "jam", "batch", "render", "spectrogram"])
  func theMostUsedComeFirst(command: String) async throws {
    let lines = try await self.help([command])
    let titles = lines.filter { $0.hasSuffix(":") && $0 == $0.uppercased() && !$0.isEmpty }
    let first = try #require(titles.first { $0 != "ARGUMENTS:" })
    #expect(first == "MOST USED OPTIONS:", "\(titles)")
    let start = try #require(lines.firstIndex(of: first))
    let own = lines[(start + 1)...].prefix { !$0.isEmpty }.filter { $0.hasPrefix("  -") }
    #expect((1...5).contains(own.count), "\(own)")

    // ArgumentParser's own description has them all.
    let dump = try await Program.run(
      Checkout.program("riff"), [command, "--experimental-dump-help"])
    struct Tool: Decodable {
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
      }
      var command: Command
    }
    let tool = try JSONDecoder().decode(Tool.self, from: Data(dump.output))
    let found =
      tool.command.commandName == command
      ? tool.command : tool.command.subcommands?.first { $0.commandName == command }
    let names = try #require(found?.arguments)
      .filter { $0.kind != "positional" && $0.shouldDisplay }.compactMap(\.preferredName?.name)
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
