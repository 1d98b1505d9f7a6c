/// The daemon's messages name fields of requests; here they name the options that fill them.
enum RequestWords {
  private static let options = [
    "prompt": "the prompt", "negative_prompt": "--negative", "model": "--model",
    "seed": "--seed", "steps": "--steps", "guidance_scale": "--guidance",
    "guidance_start": "--guidance-interval", "guidance_stop": "--guidance-interval",
    "deep_cache_interval": "--deep-cache",
    "scheduler": "--scheduler", "width": "--width", "height": "--height",
    "duration_seconds": "--duration", "output": "--format", "opus.bitrate": "--bitrate",
    "mp3.bitrate": "--bitrate", "sample_format": "--sample-format", "fade_ms": "--fade",
    "quality": "--quality", "eta": "--eta", "prompt_weighting": "--plain-prompt",
    "strength": "--strength", "start_seconds": "--start",
    "span.start_seconds": "--start", "span.duration_seconds": "--duration",
    "sample_rate": "--sample-rate",
    "stereo": "--stereo", "step_ms": "--step", "window_ms": "--window", "padded_ms": "--padded",
    "mel_bins": "--bins", "min_frequency": "--min-frequency", "max_frequency": "--max-frequency",
    "power": "--power", "from.prompt": "the first prompt", "to.prompt": "the second prompt",
    "from.seed": "--seed", "to.seed": "--seed", "from.guidance_scale": "--guidance",
    "to.guidance_scale": "--guidance", "from.strength": "--strength", "to.strength": "--strength",
    "clips": "--clips", "alpha": "alpha", "mask": "--mask", "bpm": "--bpm",
    "bars": "--bars", "loop": "--loop", "maximum": "--maximum",
    "keep_alive_seconds": "--keep-alive", "extend_seconds": "--seconds",
    "extend_before": "--before", "keep_below_hz": "--keep-below", "keep_above_hz": "--keep-above",
    "keep_time": "--keep-time", "keep_beats": "--keep-beats",
    "stretch_to_bpm": "--stretch-to", "loras": "--lora", "loras.weight": "--lora",
  ]

  /// What a picture's EXIF has values for, too.
  private static let parameters: Set = [
    "sample_rate", "stereo", "step_ms", "window_ms", "padded_ms", "mel_bins", "min_frequency",
    "max_frequency", "power", "maximum",
  ]

  /// A field's own name, of its path from the request on.
  static func name(ofPath path: String) -> String {
    for prefix in [
      "options.generate.", "options.spectrogram.", "options.span.", "options.", "start.generate.",
      "start.",
    ]
    where path.hasPrefix(prefix) {
      return String(path.dropFirst(prefix.count))
    }
    return path
  }

  /// Whether the field's value came from the command line.
  ///
  /// - Parameter isUpload: Whether it may have come from a file.
  static func isGiven(_ field: String, isUpload: Bool) -> Bool {
    guard let option = Self.options[field] else { return false }
    guard isUpload, Self.parameters.contains(field) else { return true }
    return CommandLine.arguments.contains { $0 == option || $0.hasPrefix(option + "=") }
  }

  /// A message about an upload, which names what is at fault in the file.
  static func untranslated(_ message: String, _ field: String) -> String {
    if ["audio", "image", "chunk", "options"].contains(field) { return Self.translate(message) }
    return message.contains(field) ? message : "\(field): \(message)"
  }

  /// A message in our words.
  ///
  /// - Parameter field: The one at fault, if there is one.
  static func translate(_ message: String, field: String? = nil) -> String {
    var text = message
    if let field, let option = Self.options[field] {
      // Other fields' names are plain words, too, and stay where they are not at fault.
      if text.hasPrefix(field + ":") || text.hasPrefix(field + " ") {
        text = option + text.dropFirst(field.count)
      }
    }
    // Longer names first: some begin or end with others.
    let names = Self.options.filter { $0.key.contains("_") || $0.key.contains(".") }
      .sorted { $0.key.count > $1.key.count }
    for (name, option) in names {
      text = Self.replace(name, with: option, in: text)
    }
    if let field, let option = Self.options[field], !text.contains(option) {
      text = "\(option): \(text)"
    }
    return text
  }

  /// Replaces whole words.
  private static func replace(_ word: String, with other: String, in text: String) -> String {
    func isPart(_ character: Character) -> Bool {
      character.isLetter || character.isNumber || character == "_" || character == "-"
    }
    var result = ""
    var rest = text[...]
    while let range = rest.firstRange(of: word) {
      let before = rest[..<range.lowerBound].last ?? result.last
      let after = rest[range.upperBound...].first
      let isWhole = !(before.map(isPart) ?? false) && !(after.map(isPart) ?? false)
      result += rest[..<range.lowerBound] + (isWhole ? other : word)
      rest = rest[range.upperBound...]
    }
    return result + rest
  }
}
