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
  let pool: ComputePool
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
    self.pool = pool
    self.inversion = inversion
    self.refinement = refinement
    workers = Workers(pool) {
      Scratch(transform, inversion: inversion, refinement: refinement)
    }
  }

  /// Shares out the work of several recoveries, which have one pool, as if it were one's: `work` gets the
  /// number of a task, every index below its count, and room of its recovery's. Different indices must write
  /// to different places.
  static func run(
    _ tasks: [(workers: RecoveryWorkers, count: Int)],
    _ work: (_ task: Int, _ index: Int, _ scratch: Scratch) -> Void
  ) {
    guard let first = tasks.first else { return }
    guard tasks.count > 1 else { return first.workers.workers.run(first.count) { work(0, $0, $1) } }
    let places = tasks.indices.flatMap { task in
      (0..<tasks[task].count).map { (task: task, index: $0) }
    }
    first.workers.workers.split(places.count) { place, worker in
      let (task, index) = places[place]
      work(task, index, tasks[task].workers.workers.scratch[worker])
    }
  }
}
