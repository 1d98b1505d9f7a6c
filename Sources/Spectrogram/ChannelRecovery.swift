internal import CSpectrogramKernels

/// The phase recovery of one channel: its frames in work, and what earlier blocks left behind.
///
/// A frame `t` covers the samples from `place(t) - window / 2`, window of them. Its bins are stored
/// interleaved, `stride` of them a frame.
final class ChannelRecovery {
  private let plan: RecoveryPlan
  private let channel: Int
  /// Bins of the transform that carry sound.
  private let bins: Int
  private let stride: Int
  /// Bins of the mel inversion.
  private let fineBins: Int
  private let melBins: Int

  /// Mel amplitudes: (frame, mel bin).
  private let mel: AlignedBuffer
  /// Magnitudes that the mel inversion gave the block's new frames: (frame, fine bin).
  private let magnitudes: AlignedBuffer
  /// Complex bins that the frames have: (frame, bin, 2). Set when a block begins and ends.
  private let spectra: AlignedBuffer
  /// Sums of the windowed frames of each chunk: (chunk, sample).
  private let sums: AlignedBuffer
  /// The sum of all frames of a round.
  private let total: AlignedBuffer
  /// The sound of the frames in work, as the next round takes it.
  private let signal: AlignedBuffer
  /// The sound that the round before settled on, and what lies ahead of it.
  private let settled: AlignedBuffer
  private let ahead: AlignedBuffer
  /// One over the sum of squared windows above every sample, when all frames sound and for each
  /// phase of the rounds that work on some: (1 + phase, sample).
  private let weights: AlignedBuffer
  /// The sum of the final frames before the block, where it overlaps the block's own.
  private let tail: AlignedBuffer
  /// How many frames of the block the block before it has already worked on.
  private var warm = 0

  private let window: [Float]
  private let synthesisWindow: [Float]
  private let squaredWindow: [Float]

  /// The accelerated Griffin-Lim of Nenov, Nguyen, Balazs and Boţ (2023): γ, α and β there. With
  /// α = 0.99, β = 0, γ = 1 it is torchaudio's momentum.
  private static let step: Float = 1.25
  private static let inertia: Float = 1
  private static let lead: Float = 1.1

  init(_ plan: RecoveryPlan, channel: Int, workers: RecoveryWorkers) {
    self.plan = plan
    self.channel = channel
    bins = workers.refinement.bins
    fineBins = workers.inversion.bins
    melBins = workers.inversion.melBins
    stride = (bins + 15) / 16 * 16
    let frames = plan.capacity
    let chunks = (frames + plan.chunk - 1) / plan.chunk
    let samples = plan.span(frames)
    mel = AlignedBuffer(frames * melBins)
    magnitudes = AlignedBuffer(frames * fineBins)
    spectra = AlignedBuffer(2 * frames * stride)
    sums = AlignedBuffer(chunks * plan.span(plan.chunk))
    total = AlignedBuffer(samples)
    signal = AlignedBuffer(samples)
    settled = AlignedBuffer(samples)
    ahead = AlignedBuffer(samples)
    weights = AlignedBuffer((1 + plan.stride) * samples)
    tail = AlignedBuffer(plan.window)
    window = hannWindow(plan.window)
    synthesisWindow = window.map { $0 / Float(plan.transform) }
    squaredWindow = window.map { $0 * $0 }
  }

  /// The block's frames that `load` fetches.
  func newFrames(_ block: RecoveryBlock) -> Range<Int> { warm..<block.count }

  /// What the mel inversion gave a frame that `load` fetched.
  func inverted(_ frame: Int) -> UnsafeMutablePointer<Float> {
    magnitudes.pointer + frame * fineBins
  }

  /// Starts a frame that `load` fetched with the phases of the moment; see ``PeakPhases``.
  func start(_ frame: Int, with phases: PeakPhases, back: [Double], share: Double) {
    let spectrum = spectra.pointer + 2 * frame * stride
    spectrum.update(repeating: 0, count: 2 * stride)
    phases.apply(to: inverted(frame), output: spectrum, back: back, share: share)
  }

  /// In how many pieces ``load(_:piece:from:workers:scratch:)`` fetches the block's new frames.
  func pieces(_ block: RecoveryBlock) -> Int {
    (block.count - warm + MelInversion.tile - 1) / MelInversion.tile
  }

  /// Fetches a piece of the block's frames that are not there yet and inverts their mel amplitudes.
  func load(
    _ block: RecoveryBlock, piece: Int, from source: any MelFrames, workers: RecoveryWorkers,
    scratch: RecoveryWorkers.Scratch
  ) {
    let tile = MelInversion.tile
    let (first, end) = (block.first + warm, block.end)
    let range = (first + piece * tile)..<min(first + (piece + 1) * tile, end)
    let amplitudes = scratch.inversion.mel
    amplitudes.clear()
    source.copyFrames(range, channel: channel, to: amplitudes.pointer, stride: tile)
    workers.inversion.invert(scratch.inversion)
    for (place, frame) in range.enumerated() {
      let row = frame - block.first
      copy(amplitudes.pointer + place, to: mel.pointer + row * melBins, count: melBins)
      let inverted = magnitudes.pointer + row * fineBins
      copy(scratch.inversion.magnitudes.pointer + place, to: inverted, count: fineBins)
    }
  }

  /// One frame out of a tile.
  private func copy(
    _ tile: UnsafePointer<Float>, to output: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count { output[index] = tile[index * MelInversion.tile] }
  }

  /// Sets `weights` for the block: final frames before it count, frames behind it do not yet.
  func weigh(_ block: RecoveryBlock) {
    let count = plan.span(block.first, block.count)
    let start = plan.place(block.first)
    for phase in [nil] + (plan.stride > 1 ? (0..<plan.stride).map { $0 } : []) {
      let weights = weights(phase)
      weights.update(repeating: 0, count: count)
      for frame in 1..<(min(plan.reach, block.first) + 1) {
        let skipped = start - plan.place(block.first - frame)
        for index in 0..<max(0, min(plan.window - skipped, count)) {
          weights[index] += share(phase) * squaredWindow[skipped + index]
        }
      }
      for frame in 0..<block.count where plan.works(phase, on: frame, of: block) {
        spectrogram_add(squaredWindow, weights + offset(frame, in: block), plan.window)
      }
      if plan.isCircular { fold(weights, count, block) }
      // Where only the foot of a window stands, its square says nothing any more.
      for index in 0..<count { weights[index] = weights[index] > 1e-3 ? 1 / weights[index] : 0 }
    }
  }

  /// The weights of rounds that work on every frame, or on those of a phase.
  private func weights(_ phase: Int?) -> UnsafeMutablePointer<Float> {
    weights.pointer + (phase.map { $0 + 1 } ?? 0) * total.count
  }

  /// What the final frames before the block count, for it to be as much as the block's own.
  private func share(_ phase: Int?) -> Float { phase == nil ? 1 : 1 / Float(plan.stride) }

  /// How many chunks of frames a block has.
  func chunks(_ block: RecoveryBlock) -> Int { (block.count + plan.chunk - 1) / plan.chunk }

  /// One round over a chunk of the block. Round 0 only sums the phases that are there; every later one
  /// transforms the sound, gives it the magnitudes that it should have and sums again. When all chunks are
  /// done, ``settle(round:in:)`` is due.
  func run(
    round: Int, chunk index: Int, of block: RecoveryBlock, workers: RecoveryWorkers,
    scratch: RecoveryWorkers.Scratch
  ) {
    let chunk = plan.chunk
    let chunkSpan = plan.span(chunk)
    let phase = plan.phase(of: round, in: block)
    let isLast = round == block.rounds
    let transform = workers.transform
    let sum = sums.pointer + index * chunkSpan
    sum.update(repeating: 0, count: chunkSpan)
    let spectrum = scratch.spectrum.pointer
    for frame in (index * chunk)..<min((index + 1) * chunk, block.count)
    where plan.works(phase, on: frame, of: block) {
      let kept = spectra.pointer + 2 * frame * stride
      if round == 0 {
        spectrum.update(from: kept, count: 2 * bins)
      } else {
        spectrogram_multiply(
          signal.pointer + offset(frame, in: block), window, scratch.real.pointer, plan.window)
        transform.forward(scratch.real, to: scratch.spectrum)
        workers.refinement.refine(
          spectrum, towards: mel.pointer + frame * melBins, scratch.refinement)
        if isLast { kept.update(from: spectrum, count: 2 * bins) }
      }
      // The inverse transform overwrites what it reads, and its upper bins must be zero.
      (spectrum + 2 * bins).update(repeating: 0, count: 2 * (transform.bins - bins))
      transform.backward(scratch.spectrum, to: scratch.rebuilt)
      spectrogram_multiply_add(
        scratch.rebuilt.pointer, synthesisWindow,
        sum + offset(frame, in: block) - offset(index * chunk, in: block), plan.window)
    }
  }

  /// Takes the sum of a round's chunks for the sound that the next one works on.
  func settle(round: Int, in block: RecoveryBlock) {
    let phase = plan.phase(of: round, in: block)
    let isLast = round == block.rounds
    gather(block, phase)
    let count = plan.span(block.first, block.count)
    // The first round has nothing to go on from, the last one is the result.
    let moves = round > 0 && !isLast
    spectrogram_accelerate(
      total.pointer, weights(phase), moves ? Self.step : 1, moves ? Self.inertia : 0,
      moves ? Self.lead : 0, settled.pointer, ahead.pointer, signal.pointer, count)
    reflect(block)
  }

  /// Adds up the chunks and the tail.
  private func gather(_ block: RecoveryBlock, _ phase: Int?) {
    let chunk = plan.chunk
    let count = plan.span(block.first, block.count)
    total.pointer.update(repeating: 0, count: count)
    let share = share(phase)
    for index in 0..<min(plan.window, count) { total.pointer[index] = share * tail.pointer[index] }
    for index in 0..<((block.count + chunk - 1) / chunk) {
      let place = offset(index * chunk, in: block)
      spectrogram_add(
        sums.pointer + index * plan.span(chunk), total.pointer + place,
        min(plan.span(chunk), count - place))
    }
    if plan.isCircular { fold(total.pointer, count, block) }
  }

  /// How far a block's frame lies behind its first one, in samples.
  private func offset(_ frame: Int, in block: RecoveryBlock) -> Int {
    plan.place(block.first + frame) - plan.place(block.first)
  }

  /// Adds what reaches over the end of a circular block to its beginning, and puts that behind the end.
  private func fold(
    _ values: UnsafeMutablePointer<Float>, _ count: Int, _ block: RecoveryBlock
  ) {
    let period = block.soundEnd
    for index in min(period, count)..<count { values[index % period] += values[index] }
    repeatBeginning(values, count, block)
  }

  private func repeatBeginning(
    _ values: UnsafeMutablePointer<Float>, _ count: Int, _ block: RecoveryBlock
  ) {
    for index in min(block.soundEnd, count)..<count {
      values[index] = values[index % block.soundEnd]
    }
  }

  /// Reflects the sound about its first and last sample, as the analysis does; one that is circular goes
  /// on there.
  private func reflect(_ block: RecoveryBlock) {
    let count = plan.span(block.first, block.count)
    guard !plan.isCircular else { return repeatBeginning(signal.pointer, count, block) }
    // Sample numbers in the whole sound. A block is at least a window long, so only the first one
    // reaches before sample 0; what a reflection reads lies within the frames in work.
    let start = plan.place(block.first) - plan.window / 2
    for sample in start..<max(start, 0) {
      signal.pointer[sample - start] =
        signal.pointer[reflected(sample, count: block.soundEnd) - start]
    }
    let end = start + count
    for sample in min(block.soundEnd, end)..<end {
      signal.pointer[sample - start] =
        signal.pointer[reflected(sample, count: block.soundEnd) - start]
    }
  }

  /// The samples that no later frame touches, full scale ±1; keeps what the next block needs.
  func finish(_ block: RecoveryBlock) -> [Float] {
    let start = plan.place(block.first) - plan.window / 2
    if plan.isCircular {
      // What lies before the first sample is what lies before the end.
      return (0..<block.soundEnd).map {
        signal.pointer[($0 - start) % block.soundEnd] / 32_768
      }
    }
    let end = block.isLast ? block.soundEnd : start + offset(block.final, in: block)
    let first = max(start, 0)
    let samples = (first..<end).map { signal.pointer[$0 - start] / 32_768 }
    if !block.isLast { keep(block) }
    return samples
  }

  private func keep(_ block: RecoveryBlock) {
    // Not the last block, so `final` is a whole number of chunks: those behind it hold none of its
    // frames. Only the chunks whose span reaches past the block's end add to the tail.
    let chunk = plan.chunk
    let shift = offset(block.final, in: block)
    let old = (0..<plan.window).map { tail.pointer[$0] }
    tail.clear()
    for place in shift..<max(shift, plan.window) { tail.pointer[place - shift] = old[place] }
    for index in 0..<(block.final / chunk) {
      let place = offset(index * chunk, in: block)
      let end = place + plan.span(chunk)
      guard end > shift else { continue }
      let skipped = shift - place
      spectrogram_add(
        sums.pointer + index * plan.span(chunk) + skipped, tail.pointer,
        min(end - shift, plan.window))
    }
    warm = block.count - block.final
    move(mel, from: block.final * melBins, count: warm * melBins)
    move(spectra, from: 2 * block.final * stride, count: 2 * warm * stride)
  }

  private func move(_ buffer: AlignedBuffer, from start: Int, count: Int) {
    buffer.pointer.update(from: buffer.pointer + start, count: count)
  }
}
