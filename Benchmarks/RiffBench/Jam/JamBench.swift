import Foundation
import Synchronization

/// A jam of a daemon of its own, by `riff jam` into a pipe, steered and listened to as by a user.
struct JamBench {
  let model: String
  let threads: Int
  let minutes: Double
  /// Seconds from one change to the next.
  let interval: Double

  private static let prompts = [
    "techno drum beat, 120 bpm", "slow jazz piano", "funk bassline 0.6 + flute 0.4",
    "church bells", "synthwave with synth lead, 110 bpm", "jazz 0.3 + techno 0.7", "harp, dreamy",
  ]

  /// What comes of the changes, on the reader's thread and the one that asks.
  private final class Changes: Sendable {
    private struct State {
      var asked: [Int: Double] = [:]
      var heard: [Int: Double] = [:]
      var warnings: [String] = []
    }

    private struct Line: Decodable {
      struct Change: Decodable {
        var id: Int
        var sample: Double
      }
      var change: Change?
      var warning: String?
    }

    private let state = Mutex(State())

    func ask(_ id: Int, at place: Double) { state.withLock { $0.asked[id] = place } }

    func read(_ line: String) {
      guard let line = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) else { return }
      state.withLock { state in
        if let change = line.change { state.heard[change.id] = change.sample / 48_000 }
        if let warning = line.warning { state.warnings.append(warning) }
      }
    }

    var asked: Int { state.withLock { $0.asked.count } }
    var warnings: [String] { state.withLock { $0.warnings } }
    var latencies: Samples {
      state.withLock { state in
        var latencies = Samples()
        for (id, place) in state.asked {
          if let heard = state.heard[id] { latencies.add(heard - place) }
        }
        return latencies
      }
    }
    var answered: Int { state.withLock { $0.heard.count } }
  }

  func run() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "riff-bench-jam-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    let socket = folder.appendingPathComponent("riffd.sock").path
    let daemon = Process()
    daemon.executableURL = try Self.program("riffd")
    daemon.arguments = [
      "--socket", socket, "--no-bundled-models", "--model", "bench=\(model)", "--threads",
      "\(threads)",
    ]
    daemon.standardError = FileHandle.nullDevice
    try daemon.run()
    defer {
      daemon.terminate()
      daemon.waitUntilExit()
    }
    while daemon.isRunning, !FileManager.default.fileExists(atPath: socket) { usleep(1_000) }
    print("load at the start: \(Self.load())")
    let file = folder.appendingPathComponent("jam.opus")
    let (player, changes, memory) = try jam(socket, daemon, keptAt: file)
    report(player, changes, memory)
    print("| ffmpeg -v error says | \(Self.complaints(about: file)) |")
    print("\nload at the end: \(Self.load())")
  }

  private func jam(
    _ socket: String, _ daemon: Process, keptAt file: URL
  ) throws -> (PlayerModel, Changes, [Double]) {
    let client = Process()
    client.executableURL = try Self.program("riff")
    client.arguments = ["--socket", socket, "--json", "jam", Self.prompts[0], "--seed", "1"]
    let (lines, sound, events) = (Pipe(), Pipe(), Pipe())
    client.standardInput = lines
    client.standardOutput = sound
    client.standardError = events
    try Data().write(to: file)
    let kept = try FileHandle(forWritingTo: file)
    let (player, changes) = (PlayerModel(), Changes())
    try client.run()
    let readers = DispatchGroup()
    DispatchQueue(label: "sound").async(group: readers) {
      while true {
        let bytes = sound.fileHandleForReading.availableData
        guard !bytes.isEmpty else { return }
        player.take(bytes)
        try? kept.write(contentsOf: bytes)
      }
    }
    DispatchQueue(label: "events").async(group: readers) {
      let reader = LineReader(events.fileHandleForReading)
      while let line = reader.next() { changes.read(line) }
    }
    while client.isRunning, player.played == 0 { usleep(10_000) }
    var memory = [Self.memory(of: daemon)]
    let start = ContinuousClock.now
    let count = Int(60 * minutes / interval)
    for number in 1..<max(2, count) {
      let time = start + .seconds(interval * Double(number))
      while client.isRunning, ContinuousClock.now < time { usleep(20_000) }
      guard client.isRunning else { break }
      changes.ask(number, at: player.played)
      let prompt = Self.prompts[number % Self.prompts.count]
      try lines.fileHandleForWriting.write(contentsOf: Data("\(prompt)\n".utf8))
      if number == count / 2 { memory.append(Self.memory(of: daemon)) }
    }
    let end = start + .seconds(60 * minutes)
    while client.isRunning, ContinuousClock.now < end { usleep(20_000) }
    memory.append(Self.memory(of: daemon))
    try? lines.fileHandleForWriting.write(contentsOf: Data("/stop\n".utf8))
    client.waitUntilExit()
    readers.wait()
    try kept.close()
    guard client.terminationStatus == 0 else {
      throw Peer.Failure(
        description: "riff jam ended with status \(client.terminationStatus): "
          + (changes.warnings.last ?? "no reason"))
    }
    return (player, changes, memory)
  }

  private func report(_ player: PlayerModel, _ changes: Changes, _ memory: [Double]) {
    let sound = player.sound
    print("| \(Samples.format(Double(sound.samples) / 48_000)) s of a jam | |\n|---|---|")
    print("| underruns | \(player.underruns), \(Samples.format(player.silence)) s in all |")
    print("| ahead of the player at most | \(Samples.format(player.furthest)) s |")
    print("| changes asked, heard | \(changes.asked), \(changes.answered) |")
    print("| latency of a change, s: median (least, most) | \(changes.latencies) |")
    let figures = memory.map { String(format: "%.1f", $0) }.joined(separator: ", ")
    print("| the daemon's memory at the start, in the middle, at the end, MiB | \(figures) |")
    print(
      "| pages, of them with a position before the last one's | \(sound.pages), \(sound.backwards) |"
    )
    print("| warnings | \(changes.warnings.count) |")
    for (warning, count) in Dictionary(grouping: changes.warnings, by: { $0 }).mapValues(\.count)
      .sorted(by: { $0.value > $1.value })
    {
      print("| … | \(count) × \(warning) |")
    }
  }

  private static func program(_ name: String) throws -> URL {
    let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent(name)
    guard FileManager.default.isExecutableFile(atPath: url.path) else {
      throw Peer.Failure(description: "\(name) must lie beside riff-bench; build it first")
    }
    return url
  }

  /// Resident memory in MiB.
  private static func memory(of process: Process) -> Double {
    let path = "/proc/\(process.processIdentifier)/status"
    let status = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    for line in status.split(separator: "\n") where line.hasPrefix("VmRSS:") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      if words.count >= 2, let kibibytes = Double(words[1]) { return kibibytes / 1_024 }
    }
    return .nan
  }

  private static func load() -> String {
    let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    return text.split(separator: " ").prefix(3).joined(separator: ", ")
  }

  /// What ffmpeg says of a file when it decodes it.
  private static func complaints(about file: URL) -> String {
    let ffmpeg = Process()
    ffmpeg.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    ffmpeg.arguments = ["ffmpeg", "-v", "error", "-i", file.path, "-f", "null", "-"]
    let words = Pipe()
    ffmpeg.standardError = words
    guard (try? ffmpeg.run()) != nil else { return "(it is not installed)" }
    let text = String(decoding: words.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    ffmpeg.waitUntilExit()
    return text.isEmpty && ffmpeg.terminationStatus == 0 ? "nothing" : "“\(text.prefix(200))”"
  }
}
