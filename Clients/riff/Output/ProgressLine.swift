import RiffProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Tells on standard error how far a job is; silent unless a person reads it.
///
/// One line that is written again and again; but where the sound goes into a pipe, its player may write
/// on the same terminal: then each stage is a line of its own, and from the first sound on the terminal
/// is the player's.
struct ProgressLine {
  private let terminal = Terminal.standardError
  /// Whether somebody else may write on the terminal.
  private let isShared: Bool
  private var stage = Riff_V1_Stage.unspecified
  private var hasSound = false
  private var width = 0

  init(isShared: Bool) {
    self.isShared = isShared
  }

  mutating func show(_ progress: Riff_V1_Progress) {
    if self.isShared {
      guard progress.stage != self.stage else { return }
      self.stage = progress.stage
      switch progress.stage {
      case .denoising: self.say("riff: painting, \(progress.steps) steps")
      case .sound: self.hasSound = true
      default: if let text = Self.text(progress) { self.say("riff: \(text)") }
      }
    } else if let text = Self.text(progress) {
      self.show(text)
    }
  }

  /// Writes a line of its own, such as a warning.
  mutating func say(_ line: String, isImportant: Bool = false) {
    guard isImportant || self.terminal.isInteractive else { return }
    self.clear()
    // The player's own line stays as it is.
    let start = self.isShared && self.hasSound && self.terminal.isInteractive ? "\n" : ""
    self.terminal.write("\(start)\(line)\n")
  }

  mutating func clear() {
    if self.width > 0 { self.show("") }
  }

  private mutating func show(_ text: String) {
    guard self.terminal.isInteractive else { return }
    let padding = String(repeating: " ", count: max(0, self.width - text.count))
    self.terminal.write("\r\(text)\(padding)\(text.isEmpty ? "\r" : "")")
    self.width = text.count
  }

  private static func text(_ progress: Riff_V1_Progress) -> String? {
    switch progress.stage {
    case .queued:
      progress.queuePosition == 0
        ? "waiting for other jobs" : "waiting: \(progress.queuePosition) jobs come first"
    case .loading: "loading the model"
    case .encoding: "reading the file to start from"
    case .denoising:
      "painting \(Self.bar(progress)) \(progress.step)/\(progress.steps)\(Self.left(progress))"
    case .decoding: "decoding the picture"
    case .sound: "sound \(Self.seconds(progress.secondsDone)) s"
    case .unspecified, .UNRECOGNIZED: nil
    }
  }

  /// What is left of the work, where more than a moment.
  private static func left(_ progress: Riff_V1_Progress) -> String {
    guard progress.hasSecondsLeft, progress.secondsLeft >= 1 else { return "" }
    return ", \(Self.seconds(progress.secondsLeft)) s left"
  }

  private static func bar(_ progress: Riff_V1_Progress) -> String {
    let width = 20
    let filled =
      progress.steps == 0
      ? 0 : min(width, Int(UInt64(progress.step) * UInt64(width) / UInt64(progress.steps)))
    return "[" + String(repeating: "=", count: filled)
      + String(repeating: " ", count: width - filled) + "]"
  }

  /// One decimal, without a locale.
  static func seconds(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 1e12 else { return "\(seconds)" }
    let tenths = Int((seconds * 10).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))"
  }
}
