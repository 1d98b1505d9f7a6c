import Configuration
import FramedTransport
import RiffProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Each setting that holds now, and where it comes from.
struct SettingsReport {
  struct Line: Encodable, Equatable {
    var name: String
    var value: String
    var source: String
  }

  private(set) var lines: [Line] = []
  /// What is to be known besides.
  private(set) var notes: [String] = []

  /// A setting of the daemon's: its option, and what holds where nobody says anything.
  private static let daemon: [(key: String, usual: String)] = [
    ("models", "riff-mini, the bundled one"), ("vae", "the models' own"), ("loras", "none"),
    ("merge", "none"), ("bundled-models", "true"),
    ("precision", "what a model's riff.json says, or f32"),
    ("threads", "one for each processor"), ("idle-timeout", "none; 600 when riff starts it"),
    ("grace", "10"), ("max-connections", "64"),
    ("model-memory", "three quarters of what the process may take"),
    ("keep-alive", "forever"),
  ]

  /// Options that may be given several times.
  private static let repeated = [
    "models": "--model", "vae": "--vae", "loras": "--lora", "merge": "--merge",
  ]

  /// Variables that riff and riffd read.
  private static let variables = [
    "RIFF_SOCKET", "RIFF_MODELS", "RIFF_PLAYER", "RIFF_GRAPHICS", "RIFF_FONT", "NO_COLOR",
  ]

  /// - Parameters:
  ///   - socket: Where the daemon listens.
  ///   - given: Whether an option says so.
  /// - Throws: ``Failure`` where the file cannot be read.
  init(socket: String, isGiven: Bool) throws {
    let presets = try Presets.load()
    self.add(
      "config file", presets?.file.path ?? "none",
      presets.map { access($0.file.path, F_OK) == 0 ? "found" : "not there" } ?? "no home folder")
    self.add("socket", socket, isGiven ? "--socket" : Self.socketSource)
    self.addDaemon(presets?.file.entries ?? [], socket)
    for entry in presets?.defaults ?? [] {
      self.add("defaults: \(entry.key)", Self.text(entry.value), "config.yaml, line \(entry.line)")
    }
    for preset in presets?.named ?? [] {
      let keys = (try? presets?.preset(preset.key)) ?? []
      for entry in keys {
        self.add(
          "preset \(preset.key): \(entry.key)", Self.text(entry.value),
          "config.yaml, line \(entry.line)")
      }
    }
    for name in Self.variables {
      guard let value = Self.environment(name) else { continue }
      self.add("$\(name)", value, "the environment")
    }
  }

  /// What the daemon was told: by its command line, else by the file, which it reads when it starts.
  private mutating func addDaemon(_ entries: [YAMLKeys.Entry], _ socket: String) {
    let holder = (try? SocketPath(socket)).flatMap { try? LockHolder($0) }
    let arguments = (try? holder?.arguments()) ?? []
    for (key, usual) in Self.daemon {
      if let value = Self.value(of: key, in: arguments) {
        self.add(key, value, "the command line of riffd (\(holder?.pid ?? 0))")
      } else if let entry = entries.first(where: { $0.key == key }) {
        self.add(key, Self.text(entry.value), "config.yaml, line \(entry.line)")
      } else {
        self.add(key, usual, "built in")
      }
    }
    if let holder {
      self.notes.append(
        "riffd (\(holder.pid)) read the file when it started; “riff restart” has it read anew")
    }
  }

  private mutating func add(_ name: String, _ value: String, _ source: String) {
    self.lines.append(Line(name: name, value: value, source: source))
  }

  /// What a daemon's command line says of a key.
  private static func value(of key: String, in arguments: [String]) -> String? {
    if key == "bundled-models" {
      let last = arguments.last { $0 == "--bundled-models" || $0 == "--no-bundled-models" }
      return last.map { $0 == "--bundled-models" ? "true" : "false" }
    }
    let option = Self.repeated[key] ?? "--" + key
    var values: [String] = []
    for (index, argument) in arguments.enumerated() {
      if argument.hasPrefix(option + "=") {
        values.append(String(argument.dropFirst(option.count + 1)))
      } else if argument == option, index + 1 < arguments.count {
        values.append(arguments[index + 1])
      }
    }
    guard let last = values.last else { return nil }
    return Self.repeated[key] != nil ? values.joined(separator: ", ") : last
  }

  /// Where the socket's place comes from.
  private static var socketSource: String {
    if Self.environment("RIFF_SOCKET") != nil { return "$RIFF_SOCKET" }
    return Self.environment("XDG_RUNTIME_DIR") != nil ? "$XDG_RUNTIME_DIR" : "built in"
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func text(_ value: YAMLKeys.Value) -> String {
    switch value {
    case .text(let text): text
    case .list(let list): list.joined(separator: ", ")
    case .keys(let keys): keys.map { "\($0.key): \(Self.text($0.value))" }.joined(separator: ", ")
    }
  }
}
