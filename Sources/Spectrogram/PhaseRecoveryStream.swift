internal import CSpectrogramKernels
package import Cores

/// Mel amplitudes back to sound, a block at a time: non-negative mel inversion, then phases by
/// Griffin-Lim with momentum (Perraudin, Balazs and Søndergaard 2013), in overlapping blocks with a
/// bounded look-ahead (after Zhu, Beauregard and Wyse 2007). The first sound of a long picture
/// comes early, and memory does not grow with its length.
///
/// Every frame is recovered together with those after it as far as the look-ahead goes; when a
/// block is final its sum of frames stays fixed under the next one's, so that blocks join without
/// a seam. The same picture, parameters and seed always give the same samples, whatever the number
/// of threads.
///
/// Owned by one thread at a time.
public final class PhaseRecoveryStream {
  /// Rate of the sound in hertz: the lowest standard one that holds `maxFrequency`, or 48 kHz.
  public var sampleRate: Int { plan.sampleRate }

  /// Samples a channel of the sound of the columns that there are: it lasts columns × step, exactly.
  public var sampleCount: Int { source.frames * plan.hop }

  /// Columns whose sound has been returned.
  public private(set) var framesDone = 0

  /// Columns that there have to be before ``next(check:)`` makes another block, unless the source is
  /// complete.
  package var framesRequired: Int { framesDone + plan.block + plan.lookAhead + plan.reach }

  /// Columns that have been read when another block is made. What is painted over from there on is heard.
  package var framesReadNext: Int { framesDone + plan.block + plan.lookAhead }

  /// Columns that become sound together.
  package var framesAtOnce: Int { plan.block }

  /// Rounds for the blocks to come, at first those of the effort; to be lowered where time is short.
  package var rounds: Int {
    didSet { rounds = min(max(rounds, plan.effort.whole), plan.effort.rounds) }
  }

  private let source: any MelFrames
  private let plan: RecoveryPlan
  private let channels: [ChannelRecovery]
  private let workers: RecoveryWorkers
  private var phases: PeakPhases
  /// The magnitudes of a frame's channels together.
  private let guide: AlignedBuffer

  /// - Parameters:
  ///   - source: mel amplitudes on the 16-bit scale: a picture, an analysis, or columns that are
  ///     painted when they are required; there may be any number of them.
  ///   - parameters: how it was made; its channels and bins are the source's.
  ///   - quality: how much work goes into the sound.
  ///   - seed: of the phases that the first round starts from.
  ///   - threads: that work on a block, 1 or more; more than 64 are not used.
  /// - Throws: `invalidParameter`, `invalidPicture` where source and parameters disagree.
  public convenience init(
    _ source: any MelFrames, parameters: SpectrogramParameters,
    quality: RecoveryQuality = .normal, seed: UInt64 = 0, threads: Int = 1
  ) throws(SpectrogramError) {
    try self.init(
      source, parameters: parameters, effort: RecoveryEffort(quality), seed: seed,
      threads: threads)
  }

  /// The same with the threads of `pool`: ``next(check:)`` is only called by whoever may use it.
  package convenience init(
    _ source: any MelFrames, parameters: SpectrogramParameters, quality: RecoveryQuality,
    seed: UInt64 = 0, pool: ComputePool
  ) throws(SpectrogramError) {
    try self.init(
      source, parameters: parameters, effort: RecoveryEffort(quality), seed: seed, pool: pool)
  }

  /// Frames that become final together, unless a window spans more.
  package static let blockFrames = 128

  /// With blocks of at least `minimumBlock` frames.
  package convenience init(
    _ source: any MelFrames, parameters: SpectrogramParameters, effort: RecoveryEffort,
    seed: UInt64 = 0, threads: Int = 1, minimumBlock: Int = blockFrames
  ) throws(SpectrogramError) {
    try self.init(
      source, parameters: parameters, effort: effort, seed: seed, pool: .own(threads: threads),
      minimumBlock: minimumBlock)
  }

  package init(
    _ source: any MelFrames, parameters: SpectrogramParameters, effort: RecoveryEffort,
    seed: UInt64 = 0, pool: ComputePool, minimumBlock: Int = blockFrames
  ) throws(SpectrogramError) {
    try parameters.validate()
    guard (1...1_000).contains(effort.rounds) else {
      throw SpectrogramError(
        .invalidParameter, field: "rounds",
        "rounds must be 1 to 1000, not \(effort.rounds)")
    }
    guard source.channels == parameters.channels, source.bins == parameters.melBins,
      source.frames >= 1 || !source.isComplete
    else {
      throw SpectrogramError(
        .invalidPicture, field: "image",
        """
        \(source.channels) channels of \(source.bins) bins and \(source.frames) columns, where \
        the parameters say \(parameters.channels) of \(parameters.melBins)
        """)
    }
    self.source = source
    let plan = RecoveryPlan(
      parameters, frames: source.isComplete ? source.frames : nil, effort: effort,
      minimumBlock: minimumBlock)
    let workers = try RecoveryWorkers(plan, parameters, pool: pool)
    self.plan = plan
    self.workers = workers
    rounds = plan.effort.rounds
    phases = PeakPhases(plan, bins: workers.inversion.bins, seed: seed)
    guide = AlignedBuffer(workers.inversion.bins)
    channels = (0..<source.channels).map {
      ChannelRecovery(plan, channel: $0, workers: workers)
    }
  }

  /// A picture's sound. Throws as ``init(_:parameters:quality:seed:threads:)``.
  public convenience init(
    _ picture: SpectrogramPicture, quality: RecoveryQuality = .normal, seed: UInt64 = 0,
    threads: Int = 1
  ) throws(SpectrogramError) {
    try self.init(
      picture, parameters: picture.parameters, quality: quality, seed: seed, threads: threads)
  }

  /// A picture's sound, with as many rounds as `effort` says.
  package convenience init(
    _ picture: SpectrogramPicture, effort: RecoveryEffort, seed: UInt64 = 0, threads: Int = 1
  ) throws(SpectrogramError) {
    try self.init(
      picture, parameters: picture.parameters, effort: effort, seed: seed, threads: threads)
  }

  /// The next samples of every channel, full scale ±1, shape (channel, sample); nil at the end.
  ///
  /// - Parameter check: called once a round; what it throws ends the recovery, and the stream must
  ///   not be used any more.
  public func next(check: () throws -> Void = {}) throws -> [[Float]]? {
    let wanted = framesDone + plan.block + plan.lookAhead
    // The end is seen as soon as a window of this block reaches it.
    try source.require(through: wanted + plan.reach)
    let known = source.frames
    guard source.isComplete || known >= wanted + plan.reach else {
      throw SpectrogramError(
        .invalidPicture, field: "image",
        "\(known) columns came where \(wanted + plan.reach) were required, and more are to come")
    }
    guard framesDone < known else { return nil }
    let last = min(wanted, known)
    let isLast = source.isComplete && last == known
    let block = RecoveryBlock(
      first: framesDone, count: last - framesDone,
      final: isLast ? known - framesDone : plan.block, isLast: isLast,
      soundEnd: source.isComplete ? known * plan.hop : .max / 2, rounds: rounds)
    var samples: [[Float]] = []
    for channel in channels { channel.load(block, from: source, workers: workers) }
    start(block)
    for channel in channels {
      for round in 0...block.rounds {
        try check()
        channel.run(round: round, in: block, workers: workers)
      }
      samples.append(channel.finish(block))
    }
    framesDone += block.final
    return samples
  }

  /// Gives the block's new frames phases to start from: those of all channels together, for each
  /// of them. A picture says nothing of the phase between channels; in phase is where most of what
  /// they share was, and rounds that start there stay close.
  private func start(_ block: RecoveryBlock) {
    for frame in channels[0].newFrames(block) {
      guide.clear()
      for channel in channels {
        spectrogram_add(channel.inverted(frame), guide.pointer, guide.count)
      }
      phases.next(guide.pointer)
      for channel in channels { channel.start(frame, with: phases) }
    }
  }
}
