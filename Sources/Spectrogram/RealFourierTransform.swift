internal import CFFTW
internal import Synchronization

/// FFTW's planner keeps state for the whole process and may run on one thread at a time; plans may
/// be executed from any number of them. Every plan here is made and destroyed behind this lock.
private let planner = Mutex(())

/// The two plans of a transform, read-only once made: executing one is reentrant (FFTW 3.3.10
/// manual, section 5.4), so they may cross threads.
private struct TransformPlans: @unchecked Sendable {
  let forward: fftwf_plan
  let backward: fftwf_plan

  /// Nil where FFTW has no plan. Made by its estimate, not by measuring, so that the same machine
  /// always computes the same bits.
  init?(length: Int) {
    let real = AlignedBuffer(length)
    let spectrum = AlignedBuffer(2 * (length / 2 + 1))
    guard
      let forward = fftwf_plan_dft_r2c_1d(
        Int32(length), real.pointer, complex(spectrum.pointer), FFTW_ESTIMATE),
      let backward = fftwf_plan_dft_c2r_1d(
        Int32(length), complex(spectrum.pointer), real.pointer, FFTW_ESTIMATE)
    else { return nil }
    self.forward = forward
    self.backward = backward
  }
}

/// A real Fourier transform of one length, forwards and backwards, unnormalised: a round trip
/// multiplies by the length.
final class RealFourierTransform: Sendable {
  let length: Int

  /// Complex values of a spectrum, length / 2 + 1.
  var bins: Int { length / 2 + 1 }

  private let plans: TransformPlans

  init(length: Int) throws(SpectrogramError) {
    guard let plans = planner.withLock({ _ in TransformPlans(length: length) }) else {
      throw SpectrogramError(
        .outOfMemory, field: "transform", "no plan for a transform of \(length) samples")
    }
    self.length = length
    self.plans = plans
  }

  deinit {
    planner.withLock { [plans] _ in
      fftwf_destroy_plan(plans.forward)
      fftwf_destroy_plan(plans.backward)
    }
  }

  /// `length` samples to `bins` complex values. Both buffers are this transform's size.
  func forward(_ real: AlignedBuffer, to spectrum: AlignedBuffer) {
    fftwf_execute_dft_r2c(plans.forward, real.pointer, complex(spectrum.pointer))
  }

  /// `bins` complex values to `length` samples; overwrites the spectrum.
  func backward(_ spectrum: AlignedBuffer, to real: AlignedBuffer) {
    fftwf_execute_dft_c2r(plans.backward, complex(spectrum.pointer), real.pointer)
  }

  /// The smallest even length of at least `minimum` that FFTW is fast at: 2ᵃ 3ᵇ 5ᶜ.
  static func fastLength(atLeast minimum: Int) -> Int {
    var length = max(2, minimum + minimum % 2)
    while true {
      var rest = length
      for factor in [2, 3, 5] { while rest % factor == 0 { rest /= factor } }
      if rest == 1 { return length }
      length += 2
    }
  }
}

/// FFTW's complex type is a pair of floats, layout-compatible with them.
private func complex(_ pointer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<fftwf_complex>
{
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: fftwf_complex.self)
}
