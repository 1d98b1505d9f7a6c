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

  /// Samples a channel of the sound of the columns that there are: it lasts columns × step, exactly, or as
  /// its pace says, rounded up.
  public var sampleCount: Int { plan.place(source.frames) }

  /// Columns whose sound has been returned.
  public private(set) var framesDone = 0

  /// Columns that there have to be before ``next(check:)`` makes another block, unless the source is
  /// complete.
  package var framesRequired: Int { framesReadNext + plan.reach }

  /// The most columns that are there and unread, where all sound is made that can be.
  ///
  /// - Precondition: `parameters` are valid.
  package static func mostUnread(_ parameters: SpectrogramParameters) -> Int {
    let plan = RecoveryPlan(
      parameters, frames: nil, effort: RecoveryEffort(.normal), minimumBlock: Self.blockFrames)
    return plan.block + plan.lookAhead + plan.reach
  }

  /// Columns that have been read when another block is made. What is painted over from there on is heard.
  package var framesReadNext: Int { framesDone + plan.final(after: framesDone) + plan.lookAhead }

  /// Columns that become sound together, but for the first.
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
  ///
  /// - Parameters:
  ///   - pace: how fast the columns are played; nil: at the picture's step.
  ///   - isCircular: whether the last column is followed by the first one. All of the sound then comes at
  ///     once, one period of it, and memory grows with its length.
  package convenience init(
    _ source: any MelFrames, parameters: SpectrogramParameters, quality: RecoveryQuality,
    seed: UInt64 = 0, pool: ComputePool, pace: ColumnPace? = nil, isCircular: Bool = false
  ) throws(SpectrogramError) {
    try self.init(
      source, parameters: parameters, effort: RecoveryEffort(quality), seed: seed, pool: pool,
      pace: pace, isCircular: isCircular)
  }

  /// Frames that become final together, unless a window spans more.
  package static let blockFrames = 128

  /// With blocks of at least `minimumBlock` frames, but for a shorter one at the beginning where it
  /// `opensEarly`.
  package convenience init(
    _ source: any MelFrames, parameters: SpectrogramParameters, effort: RecoveryEffort,
    seed: UInt64 = 0, threads: Int = 1, minimumBlock: Int = blockFrames, opensEarly: Bool = true,
    pace: ColumnPace? = nil, isCircular: Bool = false
  ) throws(SpectrogramError) {
    try self.init(
      source, parameters: parameters, effort: effort, seed: seed, pool: .own(threads: threads),
      minimumBlock: minimumBlock, opensEarly: opensEarly, pace: pace, isCircular: isCircular)
  }

  package init(
    _ source: any MelFrames, parameters: SpectrogramParameters, effort: RecoveryEffort,
    seed: UInt64 = 0, pool: ComputePool, minimumBlock: Int = blockFrames,
    opensEarly: Bool = true, pace: ColumnPace? = nil, isCircular: Bool = false
  ) throws(SpectrogramError) {
    try parameters.validate()
    guard (1...1_000).contains(effort.rounds) else {
      throw SpectrogramError(
        .invalidParameter, field: "rounds",
        "rounds must be 1 to 1000, not \(effort.rounds)")
    }
    guard source.channels == parameters.channels, source.bins == parameters.melBins,
      source.frames >= 1 || !source.isComplete, source.isComplete || !isCircular
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
      minimumBlock: minimumBlock, opensEarly: opensEarly, pace: pace, isCircular: isCircular)
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
    try Self.next(of: [self], check: check)[0]
  }

  /// Whether blocks of both are best made together: what they have in common is their size, and their pool.
  package func fits(_ other: PhaseRecoveryStream) -> Bool {
    source.isComplete && other.source.isComplete && !plan.isCircular && !other.plan.isCircular
      && channels.count == other.channels.count && rounds == other.rounds
      && plan.transform == other.plan.transform && plan.window == other.plan.window
      && plan.block == other.plan.block && workers.pool === other.workers.pool
  }

  /// What several streams with one pool give next, each as ``next(check:)`` gives it. Threads share the
  /// work of all of them, and do side by side what only one can do of each.
  package static func next(
    of streams: [PhaseRecoveryStream], check: () throws -> Void
  ) throws -> [[[Float]]?] {
    let blocks = try streams.map { try $0.nextBlock() }
    let active = streams.indices.filter { blocks[$0] != nil }
    let recoveries = active.compactMap { index in
      blocks[index].map { BlockRecovery(stream: streams[index], block: $0) }
    }
    let parts = recoveries.flatMap { $0.parts }
    RecoveryWorkers.run(parts.map { ($0.workers, $0.channel.pieces($0.block)) }) {
      let part = parts[$0]
      part.channel.load(
        part.block, piece: $1, from: part.source, workers: part.workers, scratch: $2)
    }
    RecoveryWorkers.run(parts.map { ($0.workers, 1) }) { task, _, _ in
      parts[task].channel.weigh(parts[task].block)
    }
    RecoveryWorkers.run(recoveries.map { ($0.stream.workers, 1) }) { task, _, _ in
      recoveries[task].stream.start(recoveries[task].block)
    }
    for channel in 0..<(recoveries.map(\.stream.channels.count).max() ?? 0) {
      let own = recoveries.map(\.parts).filter { channel < $0.count }.map { $0[channel] }
      for round in 0...(own.map(\.block.rounds).max() ?? 0) {
        try check()
        let working = own.filter { round <= $0.block.rounds }
        RecoveryWorkers.run(working.map { ($0.workers, $0.channel.chunks($0.block)) }) {
          let part = working[$0]
          part.channel.run(
            round: round, chunk: $1, of: part.block, workers: part.workers, scratch: $2)
        }
        RecoveryWorkers.run(working.map { ($0.workers, 1) }) { task, _, _ in
          working[task].channel.settle(round: round, in: working[task].block)
        }
      }
    }
    var samples = [[[Float]]?](repeating: nil, count: streams.count)
    for (index, recovery) in zip(active, recoveries) {
      samples[index] = recovery.stream.channels.map { $0.finish(recovery.block) }
      recovery.stream.framesDone += recovery.block.final
    }
    return samples
  }

  /// A stream and its next block.
  private struct BlockRecovery {
    let stream: PhaseRecoveryStream
    let block: RecoveryBlock

    /// What is done of it for one channel.
    struct Part {
      let channel: ChannelRecovery
      let block: RecoveryBlock
      let source: any MelFrames
      let workers: RecoveryWorkers
    }

    var parts: [Part] {
      stream.channels.map {
        Part(channel: $0, block: block, source: stream.source, workers: stream.workers)
      }
    }
  }

  /// The frames that are recovered next, which are there then; nil at the end.
  private func nextBlock() throws -> RecoveryBlock? {
    let wanted = framesReadNext
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
    return RecoveryBlock(
      first: framesDone, count: last - framesDone,
      final: isLast ? known - framesDone : plan.final(after: framesDone), isLast: isLast,
      soundEnd: source.isComplete ? plan.place(known) : .max / 2, rounds: rounds)
  }

  /// Gives the block's new frames phases to start from: those of all channels together, for each
  /// of them. A picture says nothing of the phase between channels; in phase is where most of what
  /// they share was, and rounds that start there stay close.
  private func start(_ block: RecoveryBlock) {
    // Of a circular sound: what the phases have gained, or lost, when they come round; each frame takes its
    // part of that back.
    let gained = plan.isCircular ? turnsGained(block) : []
    for frame in channels[0].newFrames(block) {
      gather(frame)
      phases.next(guide.pointer, distance: distance(to: block.first + frame))
      for channel in channels {
        channel.start(
          frame, with: phases, back: gained, share: Double(frame) / Double(block.count))
      }
    }
  }

  /// Adds up a frame's magnitudes.
  private func gather(_ frame: Int) {
    guide.clear()
    for channel in channels {
      spectrogram_add(channel.inverted(frame), guide.pointer, guide.count)
    }
  }

  /// Samples from the frame before.
  private func distance(to frame: Int) -> Int {
    frame > 0 ? plan.place(frame) - plan.place(frame - 1) : plan.place(1)
  }

  /// How far the phases are from the first frame's when it comes again, a bin each.
  private func turnsGained(_ block: RecoveryBlock) -> [Double] {
    var rehearsed = phases
    var first: [Double] = []
    for frame in 0...block.count {
      gather(frame % block.count)
      rehearsed.next(guide.pointer, distance: distance(to: frame))
      if frame == 0 { first = rehearsed.turns }
    }
    return rehearsed.lead(over: first)
  }
}
