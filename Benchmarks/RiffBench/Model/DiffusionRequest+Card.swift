import Diffusion
import Riff
import Spectrogram

extension DiffusionRequest {
  /// Drawn as a job that says nothing else is, from noise alone or a picture.
  init(
    _ prompt: String, seed: UInt64, card: ModelCard, width: Int, from initial: InitialPicture? = nil
  ) {
    let own = card.defaults
    self.init(
      prompt: prompt, seed: seed, steps: own.steps ?? 50, guidanceScale: own.guidanceScale ?? 7.5,
      scheduler: own.scheduler.flatMap(SchedulerName.init), width: width,
      height: own.height ?? card.spectrogram.melBins, initial: initial)
    let interval = GuidanceInterval(start: own.guidanceStart ?? 0, stop: own.guidanceStop ?? 1)
    guidanceInterval = initial == nil ? interval : interval.fromTheFirstStep
  }
}
