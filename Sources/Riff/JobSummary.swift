/// What a finished job made.
public struct JobSummary: Sendable, Equatable {
  /// The job's number.
  public var id: UInt64 = 0
  /// The seed that was used; 0 for jobs that draw no noise.
  public var seed: UInt64
  /// Length of the audio in sample frames at 48 kHz.
  public var sampleCount: Int
  /// Channels of the audio; 0 where there is none.
  public var channelCount: Int
  /// Bytes to put in the place of as many first ones of the audio, where that can be written again;
  /// empty where those are right.
  public var head: [UInt8]
  /// Wall-clock seconds by stage, in the order in which the stages were entered.
  public var timings: [(stage: JobStage, seconds: Double)]

  /// Without arguments: of a job that made no sound, such as an analysis.
  public init(
    seed: UInt64 = 0, sampleCount: Int = 0, channelCount: Int = 0, head: [UInt8] = [],
    timings: [(stage: JobStage, seconds: Double)] = []
  ) {
    self.seed = seed
    self.sampleCount = sampleCount
    self.channelCount = channelCount
    self.head = head
    self.timings = timings
  }

  public static func == (lhs: JobSummary, rhs: JobSummary) -> Bool {
    lhs.seed == rhs.seed && lhs.sampleCount == rhs.sampleCount
      && lhs.channelCount == rhs.channelCount && lhs.head == rhs.head
      && lhs.timings.elementsEqual(rhs.timings, by: ==)
  }
}
