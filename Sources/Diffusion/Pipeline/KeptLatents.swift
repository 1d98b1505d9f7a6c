internal import Cores

/// The parts of an initial picture that stay: its clean latents, the noise that they were given, and
/// how much of each stays.
struct KeptLatents {
  private let clean: OwnedMap
  private let noise: OwnedMap
  /// 0 to 1, a latent each.
  private let kept: [Float]
  private let noising: KeepMask.Noising

  init(
    _ mask: KeepMask, clean: Tensor, noise: Tensor
  ) throws(DiffusionError) {
    self.clean = try OwnedMap(copying: clean)
    self.noise = try OwnedMap(copying: noise)
    kept = mask.kept(rows: clean.height, columns: clean.width)
    noising = mask.noising
  }

  /// Puts the kept parts back into `latents` after the scheduler's step `index`.
  func restore(
    in latents: Tensor, after index: Int, of scheduler: any Scheduler, _ compute: Compute
  ) throws {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let noisy = try compute.arena.tensor(like: latents)
    clean.withTensor { noisy.copy(from: $0) }
    let level =
      switch noising {
      case .nextStep: index + 1
      case .takenStep: index
      }
    if level < scheduler.timesteps.count {
      noise.withTensor { scheduler.addNoise($0, to: noisy, step: level) }
    }
    for (pixel, share) in kept.enumerated() where share > 0 {
      let (own, other) = (latents.row(pixel), noisy.row(pixel))
      for channel in 0..<latents.channels {
        own[channel] = share * other[channel] + (1 - share) * own[channel]
      }
    }
  }
}
