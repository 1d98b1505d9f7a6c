import ArgumentParser
import Configuration
import Riff

/// What `config.yaml` says, for every daemon of its user; options on the command line come first.
struct ConfigurationFile: Sendable, Equatable {
  /// The first is the default, unless the command line has one.
  var models: [ModelLocation] = []
  var adapters = AdapterOptions()
  var bundledModels: Bool?
  var precision: PrecisionChoice?
  var threads: Int?
  var idleTimeout: Int?
  var grace: Int?
  var maxConnections: Int?
  var modelMemory: ByteCount?
  var keepAlive: KeepAlive?

  /// Its keys are named as the options are.
  private static let keys = [
    "models", "vae", "loras", "merge", "bundled-models", "precision", "threads", "idle-timeout",
    "grace", "max-connections", "model-memory", "keep-alive",
  ]

  init() {}

  /// What the user's file says to a daemon; what it says to clients is theirs to check.
  ///
  /// - Throws: `ValidationError` that names the file, the line and the key at fault.
  init(_ file: UserConfiguration) throws {
    let path = file.path
    let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    for entry in file.entries where !UserConfiguration.clientKeys.contains(entry.key) {
      func wrong(_ what: String) -> ValidationError {
        ValidationError("\(path):\(entry.line): \(what)")
      }
      func whole(_ range: ClosedRange<Int>) throws -> Int {
        let due = "\(entry.key) must be \(range.lowerBound) to \(range.upperBound)"
        guard case .text(let text) = entry.value else { throw wrong(due) }
        guard let number = Int(text), range.contains(number) else {
          throw wrong("\(due), not \(text.prefix(100))")
        }
        return number
      }
      func list<Option>(_ form: String, _ read: (String) -> Option?) throws -> [Option] {
        let due = "\(entry.key) must be a list of \(form)"
        guard case .list(let texts) = entry.value else { throw wrong(due) }
        return try texts.map { text in
          guard let option = read(text) else {
            throw wrong("\(due); “\(text.prefix(100))” is not one")
          }
          return option
        }
      }
      func named() throws -> [ModelOption] { try list("NAME=PATH", ModelOption.init(argument:)) }
      switch entry.key {
      case "models": self.models = try named().map { $0.location(relativeTo: folder) }
      case "vae": self.adapters.autoencoders = try named().map { $0.location(relativeTo: folder) }
      case "loras":
        self.adapters.loras = try named().map { option in
          do {
            return try AdapterOptions.lora(option, relativeTo: folder)
          } catch let error as ValidationError {
            throw wrong(error.message)
          }
        }
      case "merge":
        self.adapters.merged = try list("NAME=LORA:WEIGHT", MergeOption.init(argument:))
      case "bundled-models":
        switch entry.value {
        case .text("true"): self.bundledModels = true
        case .text("false"): self.bundledModels = false
        case .text, .list, .keys: throw wrong("bundled-models must be true or false")
        }
      case "precision":
        guard case .text(let text) = entry.value, let choice = PrecisionChoice(rawValue: text)
        else {
          throw wrong("precision must be f32, bf16, int8 or auto")
        }
        self.precision = choice
      case "threads": self.threads = try whole(DaemonConfiguration.threadRange)
      case "idle-timeout": self.idleTimeout = try whole(DaemonConfiguration.idleTimeoutRange)
      case "grace": self.grace = try whole(DaemonConfiguration.graceRange)
      case "max-connections":
        self.maxConnections = try whole(DaemonConfiguration.connectionsRange)
      case "model-memory":
        guard case .text(let text) = entry.value, let count = ByteCount(argument: text) else {
          throw wrong("model-memory must be a number of bytes, as in 6G or 800M")
        }
        self.modelMemory = count
      case "keep-alive":
        guard case .text(let text) = entry.value, let time = KeepAlive(argument: text) else {
          throw wrong("keep-alive must be a number of seconds, or “forever”")
        }
        self.keepAlive = time
      default:
        throw wrong(
          "unknown key “\(entry.key.prefix(100))”; the keys are "
            + (Self.keys + UserConfiguration.clientKeys).joined(separator: ", "))
      }
    }
  }
}
