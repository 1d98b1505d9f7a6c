import ArgumentParser

extension Riff {
  struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Each setting that holds now, and where it comes from.",
      discussion: """
        riff config
        riff config --json | jq -r .name

        What config.yaml may say to the daemon: models, bundled-models, precision, threads, idle-timeout, \
        grace, model-memory and keep-alive. To the command line: defaults, options that hold where nobody \
        says otherwise, and presets, options with a name for --preset:

        defaults:
          quality: best
        presets:
          lofi:
            prompt: "lofi hip hop, {}, vinyl crackle"
            bpm: 84
            steps: 30
        """)

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() throws {
      let report = try SettingsReport(
        socket: self.riff.socket(self.connection),
        isGiven: (self.connection.socket ?? self.riff.connection.socket) != nil)
      if self.riff.printsJSON(self.connection) {
        for line in report.lines { try JSONLines.standardOutput.write(line) }
        return
      }
      let width = report.lines.map(\.name.count).max() ?? 0
      for line in report.lines {
        let padding = String(repeating: " ", count: width - line.name.count)
        print("\(line.name)\(padding)  \(line.value)  (\(line.source))")
      }
      for note in report.notes { print(note) }
    }
  }
}
