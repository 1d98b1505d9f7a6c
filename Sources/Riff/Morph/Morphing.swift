import Diffusion
import Provenance

/// Where on the way from one end to the other a picture lies.
struct Morphing {
  var from: MorphEnd
  var to: MorphEnd
  var toSeed: UInt64
  var share = 0.0
  /// The share of the one picture that was asked for; nil: there are several.
  var alpha: Double?

  /// Turns the request for the first end into that for this place.
  func change(_ request: inout DiffusionRequest, strength: inout Double) {
    func between(_ from: Double, _ to: Double) -> Double {
      (1 - self.share) * from + self.share * to
    }
    let own = request.guidanceScale
    request.guidanceScale = between(
      self.from.guidanceScale ?? own, self.to.guidanceScale ?? own)
    strength = between(
      self.from.strength ?? RemixJob.defaultStrength, self.to.strength ?? RemixJob.defaultStrength)
    if self.share > 0 { request.blend = [PromptShare(self.to.prompt, share: self.share)] }
    if self.share > 0, self.toSeed != request.seed {
      request.drift = NoiseDrift(to: self.toSeed, share: self.share)
    }
  }

  /// - Parameters:
  ///   - guidanceScale: of an end that has none of its own.
  ///   - isRemix: whether there is a picture that is painted over.
  func describe(in recipe: inout Recipe, guidanceScale: Double, isRemix: Bool) {
    recipe["prompt"] = "\(self.from.prompt) → \(self.to.prompt)"
    for (name, end) in [("from", self.from), ("to", self.to)] {
      recipe["\(name).prompt"] = end.prompt
      recipe.set("\(name).guidance_scale", end.guidanceScale ?? guidanceScale)
      if isRemix { recipe.set("\(name).strength", end.strength ?? RemixJob.defaultStrength) }
    }
    recipe.set("to.seed", self.toSeed)
    if let alpha { recipe.set("alpha", alpha) }
  }
}
