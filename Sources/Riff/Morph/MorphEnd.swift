/// One end of a morph. Fields are those of `MorphEnd` in `riff.proto`; what is nil is the request's.
public struct MorphEnd: Sendable, Equatable {
  public var prompt: String
  public var seed: UInt64?
  public var guidanceScale: Double?
  /// How far the source is painted over, where there is one.
  public var strength: Double?

  public init(_ prompt: String) { self.prompt = prompt }
}
