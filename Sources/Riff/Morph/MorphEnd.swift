/// One end of a morph. Fields are those of `MorphEnd` in `riff.proto`; what is nil is the request's.
public struct MorphEnd: Sendable, Equatable {
  /// 1 to 8,192 bytes of UTF-8, not only white space.
  public var prompt: String
  /// Where the ends' seeds differ, their noise is blended on the sphere.
  public var seed: UInt64?
  /// 0 to 100; 1 or less: none.
  public var guidanceScale: Double?
  /// How far the source is painted over, 0 to 1, where there is one.
  public var strength: Double?

  /// The rest is as the job's request has it.
  public init(_ prompt: String) { self.prompt = prompt }
}
