/// The sizes of a phase recovery, derived once.
struct RecoveryPlan: Sendable {
  /// In hertz: the lowest standard rate of at least 2.4 × the highest frequency, so that the
  /// resampler's transition band holds no sound. All of them are whole samples a millisecond.
  let sampleRate: Int
  /// Samples from one frame to the next, maybe a fraction: frame `t` stands at the first sample at or after
  /// t × samples / columns.
  let hop: Double
  private let hopSamples: Int
  private let hopColumns: Int
  /// Samples of the Hann window; even, at least two steps of the picture.
  let window: Int
  /// Samples of one transform: the window's, or twice as many.
  let transform: Int
  /// Bins of the mel inversion for one of the transform's: the inversion needs bins that are finer
  /// than the window's resolution.
  let inversionStep: Int
  /// A round works on every `stride`-th frame, the next one on their neighbours, as far as the
  /// windows still overlap by seven tenths: what frames that close say is nearly the same.
  let stride: Int
  /// The most frames in work at once.
  let capacity: Int
  /// Frames that become final together: a multiple of `chunk`, spanning at least a window.
  let block: Int
  /// Frames of the first block, which may be shorter; the second ends where the first would have ended.
  private let opening: Int
  /// Frames that a window spans, rounded up.
  let reach: Int
  /// Frames after a block that are recovered with it, and again with the next.
  let lookAhead: Int
  /// What is done for each block.
  let effort: RecoveryEffort
  /// Whether the last frame is followed by the first one; all of them then are one block.
  let isCircular: Bool

  /// Frames that are summed together before they are added to the others, whatever the number of
  /// threads: the order of additions, and so the sound's bits, never depend on it.
  let chunk: Int

  /// Their usual number, and that of recoveries in short blocks.
  private static let usualChunk = 16
  private static let shortChunk = 8

  static let rates = [8_000, 12_000, 16_000, 24_000, 32_000, 48_000]

  /// - Parameters:
  ///   - frames: of the whole picture; nil where they are not known.
  ///   - minimumBlock: as many frames or more become final together; the whole picture's, for one
  ///     without seams.
  ///   - opensEarly: whether the first block is shorter, so that sound comes sooner.
  ///   - pace: how fast the columns are played; nil: at the picture's step.
  ///   - isCircular: whether the last frame is followed by the first one; `frames` are known then.
  /// - Precondition: `parameters` are valid, `frames` and the rounds positive.
  init(
    _ parameters: SpectrogramParameters, frames: Int?, effort: RecoveryEffort, minimumBlock: Int,
    opensEarly: Bool = false, pace: ColumnPace? = nil, isCircular: Bool = false
  ) {
    let needed = 2.4 * Double(parameters.maxFrequency)
    let rate = Self.rates.first { Double($0) >= needed } ?? 48_000
    sampleRate = rate
    hopSamples =
      pace.map { $0.samples * rate } ?? (parameters.stepMilliseconds * rate / 1000)
    hopColumns = pace.map { $0.columns * ColumnPace.sampleRate } ?? 1
    hop = Double(hopSamples) / Double(hopColumns)
    self.isCircular = isCircular
    window = parameters.windowMilliseconds * sampleRate / 1000
    transform = RealFourierTransform.fastLength(atLeast: (effort.padded ? 2 : 1) * window)
    inversionStep = effort.padded ? 1 : 2
    let chunk = minimumBlock < Self.usualChunk ? Self.shortChunk : Self.usualChunk
    func roundedUp(_ frames: Int) -> Int { (frames + chunk - 1) / chunk * chunk }
    self.chunk = chunk
    stride = max(1, min(Int(3 * Double(window) / (10 * hop)), chunk))
    self.effort = effort
    reach = Int((Double(window) / hop).rounded(.up)) + (hopSamples % hopColumns == 0 ? 0 : 1)
    let wanted = isCircular ? frames ?? minimumBlock : min(minimumBlock, frames ?? minimumBlock)
    let block = roundedUp(max(wanted, reach))
    self.block = block
    // Long enough for the next block to be ready when it ends, also where several jobs begin at once.
    let opening = roundedUp(3 * block / 8)
    self.opening =
      opensEarly && !isCircular && opening >= reach && block - opening >= reach ? opening : block
    lookAhead = roundedUp(2 * reach)
    capacity = min(block + lookAhead, frames ?? .max)
  }

  /// The sample at the middle of a frame, 0 or more.
  func place(_ frame: Int) -> Int { (frame * hopSamples + hopColumns - 1) / hopColumns }

  /// How many frames become final after the first `done`.
  func final(after done: Int) -> Int {
    done < opening ? opening - done : block - done % block
  }

  /// Samples that `count` successive frames cover at most.
  func span(_ count: Int) -> Int { place(count - 1) + window }

  /// Samples that `count` frames from `first` on cover.
  func span(_ first: Int, _ count: Int) -> Int { place(first + count - 1) - place(first) + window }

  /// Which frames of every `stride` successive ones a round works on; nil where on all, as the
  /// first and the last do.
  func phase(of round: Int, in block: RecoveryBlock) -> Int? {
    round == 0 || round > block.rounds - effort.whole || stride == 1 ? nil : round % stride
  }

  /// Whether rounds of a phase work on a block's frame: on those at its ends they always do, for
  /// nothing else covers the samples there.
  func works(_ phase: Int?, on frame: Int, of block: RecoveryBlock) -> Bool {
    guard let phase else { return true }
    return (block.first + frame) % stride == phase || frame == 0 || frame == block.count - 1
  }
}

/// The frames that are recovered together.
struct RecoveryBlock {
  /// Index of the first frame in the picture.
  let first: Int
  /// Frames in work.
  let count: Int
  /// How many of them become final.
  let final: Int
  /// Whether no frames follow.
  let isLast: Bool
  /// Samples of the whole sound, if it ends within reach of this block; else larger than any of its.
  let soundEnd: Int
  /// Rounds that are made.
  let rounds: Int

  var end: Int { first + count }
}
