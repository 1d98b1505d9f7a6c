internal import CSpectrogramKernels

/// The phase recovery of one channel: its frames in work, and what earlier blocks left behind.
///
/// A frame `t` covers the samples from `t * hop - window / 2`, window of them. Its bins are stored
/// interleaved, `stride` of them a frame.
final class ChannelRecovery {
  private let plan: RecoveryPlan
  private let channel: Int
  private let bins: Int
  private let stride: Int
  private let phases: InitialPhases

  /// Magnitudes that the frames should have: (frame, bin).
  private let targets: AlignedBuffer
  /// Complex bins that the frames have: (frame, bin, 2). Set when a block begins and ends.
  private let spectra: AlignedBuffer
  /// Complex bins that the round before rebuilt: (frame, bin, 2).
  private let previous: AlignedBuffer
  /// Sums of the windowed frames of each chunk: (chunk, sample).
  private let sums: AlignedBuffer
  /// The sound of the frames in work.
  private let signal: AlignedBuffer
  /// One over the sum of squared windows above every sample of `signal`.
  private let weights: AlignedBuffer
  /// The sum of the final frames before the block, where it overlaps the block's own.
  private let tail: AlignedBuffer
  /// How many frames of the block the block before it has already worked on.
  private var warm = 0

  private let window: [Float]
  private let synthesisWindow: [Float]
  private let squaredWindow: [Float]

  /// Momentum 0.99 as torchaudio applies it.
  private static let momentum: Float = 0.99 / 1.99

  init(_ plan: RecoveryPlan, channel: Int, bins: Int, seed: UInt64) {
    self.plan = plan
    self.channel = channel
    self.bins = bins
    stride = (bins + 15) / 16 * 16
    phases = InitialPhases(seed: seed)
    let frames = plan.capacity
    let chunks = (frames + RecoveryPlan.chunk - 1) / RecoveryPlan.chunk
    targets = AlignedBuffer(frames * stride)
    spectra = AlignedBuffer(2 * frames * stride)
    previous = AlignedBuffer(2 * frames * stride)
    sums = AlignedBuffer(chunks * plan.span(RecoveryPlan.chunk))
    signal = AlignedBuffer(plan.span(frames))
    weights = AlignedBuffer(plan.span(frames))
    tail = AlignedBuffer(plan.window)
    window = hannWindow(plan.window)
    synthesisWindow = window.map { $0 / Float(plan.transform) }
    squaredWindow = window.map { $0 * $0 }
  }

  /// Fetches the block's frames that are not there yet, inverts their mel amplitudes and gives
  /// them phases to start from.
  func load(_ block: RecoveryBlock, from source: any MelFrames, workers: RecoveryWorkers) {
    let tile = MelInversion.tile
    let (first, end) = (block.first + warm, block.end)
    let tiles = (end - first + tile - 1) / tile
    workers.run(tiles) { index, scratch in
      let range = (first + index * tile)..<min(first + (index + 1) * tile, end)
      let mel = scratch.inversion.mel
      mel.clear()
      source.copyFrames(range, channel: channel, to: mel.pointer, stride: tile)
      workers.inversion.invert(scratch.inversion)
      for (place, frame) in range.enumerated() {
        let row = frame - block.first
        let target = targets.pointer + row * stride
        let magnitudes = scratch.inversion.magnitudes.pointer + place
        for bin in 0..<bins { target[bin] = magnitudes[bin * tile] }
        phases.apply(
          to: target, bins: bins, frame: frame, output: spectra.pointer + 2 * row * stride)
        (previous.pointer + 2 * row * stride).update(repeating: 0, count: 2 * stride)
      }
    }
    weigh(block)
  }

  /// Sets `weights` for the block: final frames before it count, frames behind it do not yet.
  private func weigh(_ block: RecoveryBlock) {
    let count = plan.span(block.count)
    weights.pointer.update(repeating: 0, count: count)
    let start = block.first * plan.hop
    let reach = (plan.window + plan.hop - 1) / plan.hop
    for frame in max(0, block.first - reach)..<block.end {
      let place = frame * plan.hop - start
      for index in max(0, -place)..<max(0, -place, min(plan.window, count - place)) {
        weights.pointer[place + index] += squaredWindow[index]
      }
    }
    // Where only the foot of a window stands, its square says nothing any more.
    for index in 0..<count {
      weights.pointer[index] = weights.pointer[index] > 1e-3 ? 1 / weights.pointer[index] : 0
    }
  }

  /// One round over all frames of the block. Round 0 only sums the phases that are there; every
  /// later one transforms the sound, takes its phases and sums again.
  func run(round: Int, of rounds: Int, in block: RecoveryBlock, workers: RecoveryWorkers) {
    let chunk = RecoveryPlan.chunk
    let chunkSpan = plan.span(chunk)
    let transform = workers.transform
    workers.run((block.count + chunk - 1) / chunk) { index, scratch in
      let sum = sums.pointer + index * chunkSpan
      sum.update(repeating: 0, count: chunkSpan)
      for frame in (index * chunk)..<min((index + 1) * chunk, block.count) {
        let spectrum = spectra.pointer + 2 * frame * stride
        // The inverse transform overwrites what it reads, and its upper bins must be zero.
        scratch.next.clear()
        if round == 0 {
          scratch.next.pointer.update(from: spectrum, count: 2 * bins)
        } else {
          spectrogram_multiply(
            signal.pointer + frame * plan.hop, window, scratch.real.pointer, plan.window)
          transform.forward(scratch.real, to: scratch.spectrum)
          spectrogram_retarget(
            scratch.spectrum.pointer, previous.pointer + 2 * frame * stride,
            targets.pointer + frame * stride, Self.momentum, scratch.next.pointer, bins)
        }
        if round == rounds { spectrum.update(from: scratch.next.pointer, count: 2 * bins) }
        transform.backward(scratch.next, to: scratch.rebuilt)
        spectrogram_multiply_add(
          scratch.rebuilt.pointer, synthesisWindow, sum + (frame - index * chunk) * plan.hop,
          plan.window)
      }
    }
    gather(block)
  }

  /// Adds up the chunks and the tail, divides by the windows, and reflects the sound about its
  /// first and last sample, as the analysis does.
  private func gather(_ block: RecoveryBlock) {
    let chunk = RecoveryPlan.chunk
    let count = plan.span(block.count)
    signal.pointer.update(repeating: 0, count: count)
    spectrogram_add(tail.pointer, signal.pointer, min(plan.window, count))
    for index in 0..<((block.count + chunk - 1) / chunk) {
      let place = index * chunk * plan.hop
      spectrogram_add(
        sums.pointer + index * plan.span(chunk), signal.pointer + place,
        min(plan.span(chunk), count - place))
    }
    spectrogram_multiply(signal.pointer, weights.pointer, signal.pointer, count)

    // Sample numbers in the whole sound. A block is at least a window long, so only the first one
    // reaches before sample 0; what a reflection reads lies within the frames in work.
    let start = block.first * plan.hop - plan.window / 2
    for sample in start..<max(start, 0) {
      signal.pointer[sample - start] =
        signal.pointer[reflected(sample, count: plan.sampleCount) - start]
    }
    let end = start + count
    for sample in min(plan.sampleCount, end)..<end {
      signal.pointer[sample - start] =
        signal.pointer[reflected(sample, count: plan.sampleCount) - start]
    }
  }

  /// The samples that no later frame touches, full scale ±1; keeps what the next block needs.
  func finish(_ block: RecoveryBlock) -> [Float] {
    let start = block.first * plan.hop - plan.window / 2
    let isLast = block.end == plan.frames
    let end = isLast ? plan.sampleCount : start + block.final * plan.hop
    let first = max(start, 0)
    let samples = (first..<end).map { signal.pointer[$0 - start] / 32_768 }
    if !isLast { keep(block) }
    return samples
  }

  private func keep(_ block: RecoveryBlock) {
    // Not the last block, so `final` is a whole number of chunks: those behind it hold none of its
    // frames. Only the chunks whose span reaches past the block's end add to the tail.
    let chunk = RecoveryPlan.chunk
    let shift = block.final * plan.hop
    let old = (0..<plan.window).map { tail.pointer[$0] }
    tail.clear()
    for place in shift..<max(shift, plan.window) { tail.pointer[place - shift] = old[place] }
    for index in 0..<(block.final / chunk) {
      let place = index * chunk * plan.hop
      let end = place + plan.span(chunk)
      guard end > shift else { continue }
      let skipped = shift - place
      spectrogram_add(
        sums.pointer + index * plan.span(chunk) + skipped, tail.pointer,
        min(end - shift, plan.window))
    }
    warm = block.count - block.final
    move(targets, from: block.final * stride, count: warm * stride)
    move(spectra, from: 2 * block.final * stride, count: 2 * warm * stride)
    move(previous, from: 2 * block.final * stride, count: 2 * warm * stride)
  }

  private func move(_ buffer: AlignedBuffer, from start: Int, count: Int) {
    buffer.pointer.update(from: buffer.pointer + start, count: count)
  }
}
