internal import Dispatch

/// The threads that a recovery works with, and the room each of them needs.
final class RecoveryWorkers {
  /// What one thread owns while it works on a frame.
  final class Scratch {
    /// One window's samples, zero behind it.
    let real: AlignedBuffer
    /// What comes back of a transform.
    let rebuilt: AlignedBuffer
    /// One frame's complex bins.
    let spectrum: AlignedBuffer
    let inversion: MelInversion.Workspace
    let refinement: MelInversion.FrameWorkspace

    fileprivate init(
      _ transform: RealFourierTransform, inversion: MelInversion, refinement: MelInversion
    ) {
      real = AlignedBuffer(transform.length)
      rebuilt = AlignedBuffer(transform.length)
      spectrum = AlignedBuffer(2 * transform.bins)
      self.inversion = MelInversion.Workspace(inversion)
      self.refinement = MelInversion.FrameWorkspace(refinement)
    }
  }

  let transform: RealFourierTransform
  /// Mel amplitudes to magnitudes.
  let inversion: MelInversion
  /// The same on the transform's own bins.
  let refinement: MelInversion
  private let scratch: [Scratch]

  init(
    _ plan: RecoveryPlan, _ parameters: SpectrogramParameters, count: Int
  ) throws(SpectrogramError) {
    let inversion = MelInversion(
      parameters, sampleRate: plan.sampleRate,
      transformLength: plan.transform * plan.inversionStep)
    let refinement =
      plan.inversionStep == 1
      ? inversion
      : MelInversion(
        parameters, sampleRate: plan.sampleRate, transformLength: plan.transform)
    let transform = try RealFourierTransform(length: plan.transform)
    self.transform = transform
    self.inversion = inversion
    self.refinement = refinement
    scratch = (0..<count).map { _ in
      Scratch(transform, inversion: inversion, refinement: refinement)
    }
  }

  /// Runs `work` for every index below `count`, each worker's in turn, and returns when all are
  /// done. Different indices must write to different places.
  func run(_ count: Int, _ work: (Int, Scratch) -> Void) {
    let threads = min(scratch.count, count)
    guard threads > 1 else {
      for index in 0..<count { work(index, scratch[0]) }
      return
    }
    withoutActuallyEscaping(work) { work in
      // Each worker has a scratch of its own, the indices of different workers differ, and all of
      // them are done when concurrentPerform returns: nothing is shared but what is only read.
      nonisolated(unsafe) let work = work
      nonisolated(unsafe) let scratch = scratch
      DispatchQueue.concurrentPerform(iterations: threads) { worker in
        for index in stride(from: worker, to: count, by: threads) { work(index, scratch[worker]) }
      }
    }
  }
}
