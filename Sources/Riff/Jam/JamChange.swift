import Diffusion

/// What is to be different in a jam from now on; what is nil stays as it is. Fields are those of `JamChange`
/// in `riff.proto`.
public struct JamChange: Sendable, Equatable {
  /// The caller's own number; ``JobEvent/changed(id:sample:)`` tells when it is heard.
  public var id: UInt32
  /// In place of all prompts before; none: they stay.
  public var prompts: [WeightedPrompt] = []
  /// At most 8,192 bytes of UTF-8; empty takes it away.
  public var negativePrompt: String?
  /// 0 to 100; 1 or less: none.
  public var guidanceScale: Double?
  /// Of the noise from then on.
  public var seed: UInt64?
  /// Beats a minute, 30 to 300.
  public var bpm: Double?
  /// How far a window is painted anew over what was played before it, 0.1 to 1; 1: from noise.
  public var strength: Double?

  /// Changes nothing yet: a change must set something.
  public init(id: UInt32) { self.id = id }

  /// Notes what is wrong with it, as far as that does not depend on the model.
  public func check(_ faults: inout RequestFaults) {
    faults.check("prompts", self.prompts)
    if self.prompts.contains(where: { !LoRATags($0.prompt).isEmpty }) {
      faults.add("prompts", "prompts must have no <lora:…>: a jam keeps those that it began with")
    }
    if let negativePrompt {
      faults.check("negative_prompt", negativePrompt, atMost: RequestLimits.promptBytes)
    }
    faults.check("guidance_scale", self.guidanceScale, RequestLimits.guidanceScale)
    faults.check("bpm", self.bpm, RequestLimits.bpm)
    faults.check("strength", self.strength, RequestLimits.jamStrength)
    if self == JamChange(id: self.id) {
      faults.add("change", "the change does not say what is to be different")
    }
  }
}

/// What a jam plays: all that a change can change.
struct JamSettings: Equatable {
  var prompts: [WeightedPrompt]
  var negativePrompt: String
  var guidanceScale: Double
  var seed: UInt64
  /// The tempo that was asked for; nil: one that a prompt names, or none.
  var bpm: Double?
  /// How far a window is painted anew over what was played before it; 1: from noise.
  var strength = 1.0

  mutating func apply(_ change: JamChange) {
    if !change.prompts.isEmpty {
      self.prompts = change.prompts
      // Words that name a tempo are meant.
      if Self.tempo(named: change.prompts) != nil { self.bpm = nil }
    }
    self.negativePrompt = change.negativePrompt ?? self.negativePrompt
    self.guidanceScale = change.guidanceScale ?? self.guidanceScale
    self.seed = change.seed ?? self.seed
    self.bpm = change.bpm ?? self.bpm
    self.strength = change.strength ?? self.strength
  }

  /// Beats a minute that were asked for; nil where the music may choose.
  var tempo: Double? { self.bpm ?? Self.tempo(named: self.prompts) }

  /// The key that a prompt names; nil where none does.
  var key: NamedKey? { Self.heaviest(self.prompts) { NamedKey(in: $0) } }

  private static func tempo(named prompts: [WeightedPrompt]) -> Double? {
    Self.heaviest(prompts) { NamedTempo(in: $0)?.bpm }
  }

  /// What prompts say of something; of several that do, the heaviest.
  private static func heaviest<Value>(
    _ prompts: [WeightedPrompt], says: (String) -> Value?
  ) -> Value? {
    for prompt in prompts.sorted(by: { $0.weight > $1.weight }) {
      if let value = says(prompt.prompt) { return value }
    }
    return nil
  }

  /// The prompts as one that others are mixed into, all of them in one tempo where there is one.
  func mixed(bpm: Double?) -> (prompt: String, blend: [PromptShare]) {
    let total = self.prompts.reduce(0) { $0 + $1.weight }
    let shares = self.prompts.map { prompt in
      PromptShare(
        bpm.map { NamedTempo.naming($0, in: prompt.prompt) } ?? prompt.prompt,
        share: prompt.weight / total)
    }
    // There is at least one: it has been checked.
    return (shares[0].text, Array(shares.dropFirst()))
  }
}
