import CoreMetrics

/// What a studio counts and measures as it works, told to the swift-metrics backend of the process; without
/// one, to nobody. What it is doing now, ``StudioStatus`` has.
struct StudioMetrics: Sendable {
  /// How a job ended.
  enum End: String, CaseIterable {
    case done, cancelled, failed
  }

  /// Kinds of jobs, as `riff.proto` calls their methods.
  private static let kinds = [
    "Generate", "Remix", "Morph", "Jam", "Render", "Analyze", "LoadModel",
  ]

  private let received = Counter(label: "riffd_received_bytes_total")
  private let sound = Counter(
    label: "riffd_sent_bytes_total", dimensions: [("what", "sound")])
  private let pictures = Counter(
    label: "riffd_sent_bytes_total", dimensions: [("what", "picture")])
  private let soundSeconds = FloatingPointCounter(label: "riffd_sound_seconds_total")
  private let lateSound = Counter(label: "riffd_underruns_total")

  /// Counters begin at 0, so that the first of a kind is an increase.
  init() {
    for kind in Self.kinds {
      for end in End.allCases { Self.jobs(kind, end).increment(by: 0) }
      Self.refused(kind).increment(by: 0)
    }
    for counter in [self.received, self.sound, self.pictures, self.lateSound] {
      counter.increment(by: 0)
    }
    self.soundSeconds.increment(by: 0)
  }

  func ended(_ kind: String, _ end: End, after duration: Duration) {
    Self.jobs(kind, end).increment()
    Timer(label: "riffd_job_seconds", dimensions: [("kind", kind)])
      .recordNanoseconds(Self.nanoseconds(duration / .seconds(1)))
  }

  /// A job was not let in: there were too many, or too little memory.
  func refused(_ kind: String) { Self.refused(kind).increment() }

  /// A denoising step of a model took so many seconds of the cores.
  func step(_ model: String, seconds: Double) {
    Timer(label: "riffd_step_seconds", dimensions: [("model", model)])
      .recordNanoseconds(Self.nanoseconds(seconds))
  }

  /// A job made so many seconds of sound in a second of computing.
  func pace(_ model: String, realTimeFactor: Double) {
    Gauge(label: "riffd_real_time_factor", dimensions: [("model", model)]).record(realTimeFactor)
  }

  /// An upload's next bytes came.
  func receivedBytes(_ count: Int) { self.received.increment(by: count) }

  /// An event was handed to a job's caller.
  func sent(_ event: JobEvent, seconds: Double) {
    switch event {
    case .audio(let bytes): self.sound.increment(by: bytes.count)
    case .spectrogram(let bytes), .windowPicture(let bytes, _):
      self.pictures.increment(by: bytes.count)
    case .progress, .warning, .started, .changed, .done: return
    }
    if seconds > 0 { self.soundSeconds.increment(by: seconds) }
  }

  /// A listener of a jam had nothing left to hear while more was still being made.
  func underran() { self.lateSound.increment() }

  private static func jobs(_ kind: String, _ end: End) -> Counter {
    Counter(
      label: "riffd_jobs_total", dimensions: [("kind", kind), ("end", end.rawValue)])
  }

  private static func refused(_ kind: String) -> Counter {
    Counter(label: "riffd_jobs_refused_total", dimensions: [("kind", kind)])
  }

  private static func nanoseconds(_ seconds: Double) -> Int64 {
    Int64(max(0, min(seconds, 1e9)) * 1e9)
  }
}
