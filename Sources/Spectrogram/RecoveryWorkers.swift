internal import Cores

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
  private let workers: Workers<Scratch>

  init(
    _ plan: RecoveryPlan, _ parameters: SpectrogramParameters, pool: ComputePool
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
    workers = Workers(pool) {
      Scratch(transform, inversion: inversion, refinement: refinement)
    }
  }

  /// See ``Workers/run(_:_:)``.
  func run(_ count: Int, _ work: (Int, Scratch) -> Void) { workers.run(count, work) }
}
