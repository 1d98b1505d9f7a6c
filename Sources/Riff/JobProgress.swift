/// The part of its way that a job is on.
public enum JobStage: Sendable, Hashable, CaseIterable {
  /// Waiting for the jobs before it.
  case queued
  /// Reading a model's weights.
  case loading
  /// Source to latents.
  case encoding
  /// Denoising latents.
  case denoising
  /// Latents to picture; of an analysis, a sound file to a picture.
  case decoding
  /// Picture to sound.
  case sound
}

/// How far a job is.
public struct JobProgress: Sendable, Equatable {
  /// What ``step`` and ``steps`` count; a job never goes back within a window.
  public var stage: JobStage
  /// Steps done in this stage, 0 to ``steps``.
  public var step: Int
  /// Steps in this stage; 0 where unknown.
  public var steps: Int
  /// Seconds of audio sent so far.
  public var secondsDone: Double
  /// While queued: jobs that are to be served before this one, in all its turns.
  public var queuePosition: Int
  /// The window of a long piece that is being painted, from 1; 0 where there is only one.
  public var window = 0
  /// Windows in all; 0 where that is not known.
  public var windows = 0
  /// An estimate of the seconds until the job is done; nil where it cannot be told yet.
  public var secondsLeft: Double?

  /// Zeros are what nothing is known of.
  public init(
    stage: JobStage, step: Int = 0, steps: Int = 0, secondsDone: Double = 0,
    queuePosition: Int = 0, secondsLeft: Double? = nil
  ) {
    self.stage = stage
    self.step = step
    self.steps = steps
    self.secondsDone = secondsDone
    self.queuePosition = queuePosition
    self.secondsLeft = secondsLeft
  }
}
