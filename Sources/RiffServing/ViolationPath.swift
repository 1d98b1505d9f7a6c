import GRPCProtobuf

/// Where a field that a job names stands in its method's request.
struct ViolationPath {
  /// The method's name, such as "Render".
  var method: String

  private static let ofSpectrogram: Set = [
    "sample_rate", "stereo", "step_ms", "window_ms", "padded_ms", "mel_bins", "min_frequency",
    "max_frequency", "power", "maximum",
  ]
  private static let ofGenerate: Set = [
    "prompt", "negative_prompt", "model", "seed", "steps", "guidance_scale", "scheduler", "width",
    "height", "duration_seconds", "want_spectrogram", "output", "opus", "quality", "eta",
    "prompt_weighting", "mp3", "sample_format", "fade_ms", "keep_alive_seconds", "loop", "bpm",
    "bars", "loras", "guidance_start", "guidance_stop",
    "deep_cache_interval",
  ]
  private static let ofRemix: Set = [
    "generate", "strength", "start_seconds", "file_name", "extend_seconds", "extend_before",
    "keep_below_hz", "keep_above_hz", "keep_time", "keep_beats", "stretch_to_bpm", "mask", "span",
    "keep", "to_prompt",
  ]
  private static let ofMorph: Set = [
    "generate", "from", "to", "clips", "power", "alpha", "mask", "file_name",
  ]
  private static let ofJam: Set = ["generate", "prompts", "unpaced"]
  private static let ofRender: Set = [
    "spectrogram", "output", "opus", "quality", "mp3", "sample_format", "fade_ms", "file_name",
  ]
  private static let ofAnalyze: Set = ["spectrogram", "span", "file_name"]
  private static let ofSpan: Set = ["start_seconds", "duration_seconds"]

  /// The path of `field` from the request message on; "chunk" where it is the upload's own, such as
  /// "audio" or the name of an EXIF tag.
  func path(_ field: String) -> String {
    let name = String(field.prefix { $0 != "." })
    if name == "options" || name == "chunk" { return field }
    switch self.method {
    case "Remix":
      if Self.ofRemix.contains(name) { return "options." + field }
      return Self.ofGenerate.contains(name) ? "options.generate." + field : "chunk"
    case "Morph":
      if Self.ofMorph.contains(name) { return "options." + field }
      return Self.ofGenerate.contains(name) ? "options.generate." + field : "chunk"
    case "Jam":
      if name == "start" { return field }
      return (Self.ofJam.contains(name) ? "start." : "start.generate.") + field
    case "Render":
      if Self.ofRender.contains(name) { return "options." + field }
      return Self.ofSpectrogram.contains(name) ? "options.spectrogram." + field : "chunk"
    case "Analyze":
      if Self.ofAnalyze.contains(name) { return "options." + field }
      if Self.ofSpan.contains(name) { return "options.span." + field }
      return Self.ofSpectrogram.contains(name) ? "options.spectrogram." + field : "chunk"
    default:
      return field
    }
  }
}

extension GoogleRPCStatus {
  /// The same, its violations' fields as paths from the request message on.
  func naming(_ paths: ViolationPath) -> GoogleRPCStatus {
    var status = self
    status.details = self.details.map { detail in
      guard let request = detail.badRequest else { return detail }
      return .badRequest(
        violations: request.violations.map {
          .init(field: paths.path($0.field), description: $0.violationDescription)
        })
    }
    return status
  }
}
