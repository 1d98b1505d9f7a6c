import Diffusion
import Provenance
import Spectrogram

extension Painting {
  /// All that makes the planned picture and its sound again.
  ///
  /// - Throws: ``DiffusionError`` where a LoRA cannot be used with the model.
  func recipe(
    _ plan: PaintingPlan, model: CatalogModel, diffusion: DiffusionModel, in studio: Studio
  ) throws -> Recipe {
    let request = plan.request
    var recipe = Recipe()
    recipe["method"] = self.source == nil ? "Generate" : "Remix"
    recipe["prompt"] = self.job.prompt
    if !request.negativePrompt.isEmpty { recipe["negative_prompt"] = request.negativePrompt }
    recipe["model"] = model.name
    recipe["model_fingerprint"] = plan.card.fingerprint(with: diffusion.info)
    recipe.set("seed", request.seed)
    recipe.set("steps", request.steps)
    recipe.set("guidance_scale", plan.guidanceScale)
    // Where the model has one of its own, the whole is said, too: another model would do otherwise.
    if request.guidanceInterval != .whole || plan.card.defaults.guidanceInterval != .whole {
      recipe.set("guidance_start", request.guidanceInterval.start)
      recipe.set("guidance_stop", request.guidanceInterval.stop)
    }
    if request.deepCacheInterval > 1 {
      recipe.set("deep_cache_interval", request.deepCacheInterval)
    }
    recipe["scheduler"] = plan.scheduler.rawValue
    if !plan.loras.isEmpty {
      recipe["loras"] = plan.loras.map(\.description).joined(separator: ",")
      recipe["loras_fingerprint"] = try request.adapters.map {
        try diffusion.fingerprint(ofAdapter: $0.path)
      }.joined(separator: ",")
    }
    if request.eta > 0 { recipe.set("eta", request.eta) }
    if !request.promptWeighting { recipe.set("prompt_weighting", false) }
    // A picture that keeps its own width would be cut or padded if that were asked for.
    if !plan.size.isSourceWidth { recipe.set("width", plan.size.width) }
    recipe.set("height", plan.size.height)
    if let seconds = self.job.durationSeconds { recipe.set("duration_seconds", seconds) }
    if let bpm = self.job.bpm { recipe.set("bpm", bpm) }
    if let bars = self.job.bars { recipe.set("bars", bars) }
    if self.job.loop { recipe.set("loop", true) }
    if self.source != nil {
      recipe.set("strength", plan.strength)
      if self.startSeconds > 0 { recipe.set("start_seconds", self.startSeconds) }
    }
    if let maskFingerprint { recipe.set("mask_fingerprint", maskFingerprint) }
    recipe.set(self.kept)
    if let upload { recipe.setUpload(upload) }
    if let morph {
      recipe["method"] = "Morph"
      morph.describe(in: &recipe, guidanceScale: plan.guidanceScale, isRemix: plan.isRemix)
    }
    recipe.setOutput(
      self.job.output, quality: self.job.quality, channels: plan.parameters.channels,
      fadeMilliseconds: self.job.fadeMilliseconds)
    recipe.setSpectrogram(plan.parameters, maximum: plan.card.maximum)
    recipe.setEngine(studio, precision: diffusion.precision)
    return recipe
  }
}
