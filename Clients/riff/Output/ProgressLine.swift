import RiffProtocol
import SwiftProtobuf

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Tells on standard error how far a job is.
///
/// Where a person reads it, one line that is written again and again; but where the sound goes into a
/// pipe, its player may write on the same terminal: then each stage is a line of its own, and from the
/// first sound on the terminal is the player's. `--progress` has it told elsewhere, too, and otherwise.
struct ProgressLine {
  private enum Style {
    case silent
    /// One line that changes.
    case line
    /// A line a stage.
    case stages
    /// A line whenever there is something new, once a second at most.
    case plain
    /// The events, as they come.
    case json
  }

  private let terminal = Terminal.standardError
  private let style: Style
  /// Whether somebody else may write on the terminal.
  private let isShared: Bool
  private var stage = Riff_V1_Stage.unspecified
  private var hasSound = false
  private var width = 0
  /// When the sound began to come, and how much of it there was then, in seconds.
  private var sound: (start: ContinuousClock.Instant, seconds: Double)?
  private var lastLine: ContinuousClock.Instant?

  /// - Parameters:
  ///   - isShared: Whether somebody else may write on the terminal.
  ///   - choice: What `--progress` says.
  init(isShared: Bool, choice: TalkFlags.Progress? = nil) {
    self.isShared = isShared
    self.style =
      switch choice {
      case .plain: .plain
      case .json: .json
      case .some(.none): .silent
      case nil where !Terminal.standardError.isInteractive: .silent
      case nil: isShared ? .stages : .line
      }
  }

  mutating func show(_ progress: Riff_V1_Progress, jobID: UInt64) {
    let isNew = progress.stage != self.stage
    self.stage = progress.stage
    if progress.stage == .sound {
      self.hasSound = true
      if self.sound == nil { self.sound = (.now, progress.secondsDone) }
    }
    switch self.style {
    case .silent: break
    case .line: if let text = self.text(progress) { self.show(text) }
    case .stages:
      guard isNew else { return }
      switch progress.stage {
      case .denoising: self.say("riff: painting, \(progress.steps) steps")
      case .sound: break
      default: if let text = self.text(progress) { self.say("riff: \(text)") }
      }
    case .plain:
      let now = ContinuousClock.now
      guard isNew || self.lastLine.map({ now - $0 >= .seconds(1) }) ?? true,
        let text = self.text(progress)
      else { return }
      self.lastLine = now
      self.terminal.write("riff: \(text)\n")
    case .json:
      let event = Riff_V1_JobEvent.with {
        $0.jobID = jobID
        $0.progress = progress
      }
      try? JSONLines.standardError.write(event: event)
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
    // A line that wraps could not be written again.
    let text = String(text.prefix(max(10, (self.terminal.size?.columns ?? 80) - 1)))
    let padding = String(repeating: " ", count: max(0, self.width - text.count))
    self.terminal.write("\r\(text)\(padding)\(text.isEmpty ? "\r" : "")")
    self.width = text.count
  }

  private func text(_ progress: Riff_V1_Progress) -> String? {
    switch progress.stage {
    case .queued:
      progress.queuePosition == 0
        ? "waiting for other jobs"
        : "waiting: \(progress.queuePosition) \(progress.queuePosition == 1 ? "job comes" : "jobs come") first"
    case .loading: "loading the model"
    case .encoding: "reading the file to start from"
    case .denoising:
      "painting \(Self.window(progress))\(Self.bar(progress)) \(progress.step)/\(progress.steps)\(Self.left(progress))"
    case .decoding: "decoding the picture"
    case .sound:
      "sound \(Self.seconds(progress.secondsDone)) s\(self.pace(progress))\(Self.left(progress))"
    case .unspecified, .UNRECOGNIZED: nil
    }
  }

  /// Seconds of sound a second, once a while has passed.
  private func pace(_ progress: Riff_V1_Progress) -> String {
    guard let sound = self.sound else { return "" }
    let seconds = (ContinuousClock.now - sound.start) / .seconds(1)
    guard seconds >= 0.2, progress.secondsDone > sound.seconds else { return "" }
    return ", \(Self.seconds((progress.secondsDone - sound.seconds) / seconds))× real time"
  }

  private static func window(_ progress: Riff_V1_Progress) -> String {
    progress.windows > 1 ? "part \(progress.window) of \(progress.windows) " : ""
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
