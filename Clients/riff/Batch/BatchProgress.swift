/// Tells how far a batch is: a line that changes on a terminal, else a line for each sound.
struct BatchProgress {
  private let terminal = Terminal.standardError
  private let quiet: Bool
  private let isPlain: Bool
  private let total: Int
  /// Those of earlier runs.
  private let before: Int
  private(set) var done = 0
  private(set) var failed = 0
  private var width = 0
  private let start = ContinuousClock.now

  init(total: Int, before: Int, talk: TalkFlags) {
    self.total = total
    self.before = before
    self.quiet = talk.quiet || talk.progress == TalkFlags.Progress.none
    self.isPlain = talk.progress != nil || !Terminal.standardError.isInteractive
  }

  /// A sound is done.
  mutating func finish(_ what: String, running: Int) {
    self.done += 1
    if self.isPlain { self.say(what) }
    self.show(running)
  }

  /// A sound could not be made.
  mutating func fail(_ what: String, running: Int) {
    self.failed += 1
    self.warn(what)
    self.show(running)
  }

  /// Shows the line that changes.
  mutating func show(_ running: Int) {
    guard !self.quiet, !self.isPlain else { return }
    let made = self.done + self.failed
    var text = "riff: \(self.before + self.done) of \(self.total) done"
    if self.failed > 0 { text += ", \(self.failed) failed" }
    if running > 0 { text += ", \(running) being made" }
    let left = self.total - self.before - made
    if made > 0, left > 0 {
      let seconds = (ContinuousClock.now - self.start) / .seconds(1) / Double(made) * Double(left)
      text += ", about \(Self.time(seconds)) left"
    }
    self.write(text)
  }

  /// Says something in a line of its own, whatever `--quiet` says.
  mutating func warn(_ what: String) {
    self.write("")
    self.terminal.write("riff: \(what)\n")
  }

  /// The last words.
  mutating func end() { self.write("") }

  private mutating func say(_ what: String) {
    guard !self.quiet else { return }
    self.write("")
    self.terminal.write("riff: \(self.before + self.done) of \(self.total): \(what)\n")
  }

  private mutating func write(_ text: String) {
    guard self.terminal.isInteractive, self.width > 0 || !text.isEmpty else { return }
    let text = String(text.prefix(max(10, (self.terminal.size?.columns ?? 80) - 1)))
    let padding = String(repeating: " ", count: max(0, self.width - text.count))
    self.terminal.write("\r\(text)\(padding)\(text.isEmpty ? "\r" : "")")
    self.width = text.count
  }

  /// "45 s", "12 min", "3 h 20 min".
  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    if whole < 90 { return "\(whole) s" }
    let minutes = (whole + 30) / 60
    return minutes < 90 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
  }
}
