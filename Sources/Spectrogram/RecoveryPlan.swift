/// The sizes of a phase recovery, derived once.
struct RecoveryPlan: Sendable {
  /// In hertz: the lowest standard rate of at least 2.4 × the highest frequency, so that the
  /// resampler's transition band holds no sound. All of them are whole samples a millisecond.
  let sampleRate: Int
  /// Samples from one frame to the next.
  let hop: Int
  /// Samples of the Hann window; even, at least 2 × hop.
  let window: Int
  /// Samples of one transform: at least twice the window, for a mel inversion needs bins that are
  /// finer than the window's resolution.
  let transform: Int
  /// Frames of the whole picture.
  let frames: Int
  /// Frames that become final together: a multiple of `chunk`, spanning at least a window.
  let block: Int
  /// Frames after a block that are recovered with it, and again with the next.
  let lookAhead: Int
  /// Rounds of Griffin-Lim for each block.
  let rounds: Int

  /// Frames that are summed together before they are added to the others, whatever the number of
  /// threads: the order of additions, and so the sound's bits, never depend on it.
  static let chunk = 16

  static let rates = [8_000, 12_000, 16_000, 24_000, 32_000, 48_000]

  /// - Parameter minimumBlock: as many frames or more become final together; the whole picture's,
  ///   for one without seams.
  /// - Precondition: `parameters` are valid, `frames` and `rounds` positive.
  init(_ parameters: SpectrogramParameters, frames: Int, rounds: Int, minimumBlock: Int) {
    let needed = 2.4 * Double(parameters.maxFrequency)
    sampleRate = Self.rates.first { Double($0) >= needed } ?? 48_000
    hop = parameters.stepMilliseconds * sampleRate / 1000
    window = parameters.windowMilliseconds * sampleRate / 1000
    transform = RealFourierTransform.fastLength(atLeast: 2 * window)
    self.frames = frames
    self.rounds = rounds
    let reach = (window + hop - 1) / hop
    block = Self.roundedUp(max(minimumBlock, reach))
    lookAhead = Self.roundedUp(2 * reach)
  }

  /// To whole chunks.
  private static func roundedUp(_ frames: Int) -> Int { (frames + chunk - 1) / chunk * chunk }

  /// Samples of the whole sound.
  var sampleCount: Int { frames * hop }

  /// The most frames in work at once.
  var capacity: Int { min(block + lookAhead, frames) }

  /// Samples that `count` successive frames cover.
  func span(_ count: Int) -> Int { (count - 1) * hop + window }
}
