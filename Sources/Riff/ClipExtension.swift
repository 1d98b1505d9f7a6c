import AudioIO
import Cores
import Diffusion
import Provenance
import Spectrogram

/// A clip that goes on: windows are painted behind its end, or before its beginning, each keeping some of
/// what is there. The clip's own sound stays as it is, but for a short joint.
struct ClipExtension {
  var job: RemixJob
  /// How much is added.
  var seconds: Double
  /// What is told of the upload.
  var upload: UploadNotes

  /// Columns of latents of the clip that the first window may keep.
  private static let context = 2 * BeatWindows.keptLatents
  /// Sample frames over which the clip turns into what was painted, or that into the clip.
  private static let joint = 2_880
  /// The most that what was painted is brought up or down by.
  private static let largestGain: Float = 8

  /// Where in the upload the clip begins, in seconds.
  private var start: Double { self.job.span?.startSeconds ?? self.job.startSeconds }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let request = self.job.request
    guard let output = request.output else {
      throw JobError(
        .invalidArgument(field: "output"), "output must not be NONE: a clip that goes on is sound")
    }
    let model = try studio.catalog.model(named: request.model)
    let card = try model.card()
    let sound = try self.job.clip(
      start: self.start, duration: nil, context, into: studio.uploads)
    if !model.isLoaded { try context.progress(.loading) }
    let (picture, plan, recipe) = try studio.shelf.withModel(
      model, keepAlive: request.keepAliveSeconds, context.seat
    ) { diffusion in
      do {
        let painting = Painting(job: request, source: nil, upload: self.upload)
        let plan = try PaintingPlan(
          painting, model: model, card: card, info: diffusion.info, in: studio)
        var recipe = try painting.recipe(plan, model: model, diffusion: diffusion, in: studio)
        self.complete(&recipe, output: output, channels: sound.channelCount)
        let painter = Painter(model: diffusion, name: model.name, paces: studio.paces)
        try painter.announce(plan.request, plan, recipe, context)
        let picture = try self.painted(
          sound, plan, info: diffusion.info, painter: painter, context)
        return (picture, plan, recipe)
      } catch let error as DiffusionError {
        if case .changed = error.kind { model.forget(diffusion) }
        throw error
      }
    }
    if request.wantSpectrogram {
      try context.send(.spectrogram(picture.image.png(texts: recipe.texts)))
    }
    let encoder = try output.makeEncoder(
      channels: sound.channelCount, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: sound.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
    let count = try self.play(picture, sound, encoder, context)
    return JobSummary(
      seed: plan.request.seed, sampleCount: count, channelCount: sound.channelCount,
      head: encoder.finalHead)
  }

  /// The clip's end, or beginning, and what was painted behind or before it.
  private struct Painted {
    let image: SpectrogramPicture
    /// Columns that are the clip's.
    let known: Int
    /// Sample frames of a column, at 48 kHz.
    var step: Int { self.image.parameters.stepMilliseconds * 48 }
  }

  private func painted(
    _ sound: SpooledSound, _ plan: PaintingPlan, info: DiffusionModelInfo, painter: Painter,
    _ context: JobContext
  ) throws -> Painted {
    var parameters = plan.card.spectrogram
    parameters.melBins = plan.size.height
    let step = parameters.stepMilliseconds * 48
    let latent = info.widthMultiple
    let columns = sound.sampleCount / step / latent * latent
    guard columns > 0 else {
      throw JobError(
        .invalidArgument(field: "chunk"),
        "the clip is too short to go on from: it lasts \(Double(sound.sampleCount) / 48_000) s, and "
          + "\(Double(latent * step) / 48_000) s are needed")
    }
    let known = min(Self.context * latent, columns)
    // The smallest numbers are 0 to a thread that computes without them.
    let wanted = max(1, (self.seconds * 48_000 / Double(step)).rounded(.up))
    let longest = (plan.card.defaults.maxWidth ?? GenerateJob.defaultMaxWidth) - known
    // Before it becomes an integer.
    guard wanted <= Double(longest) else {
      throw JobError(
        .invalidArgument(field: "extend_seconds"),
        "extend_seconds must be at most \(Double(longest * step) / 48_000) for this model, not "
          + "\(self.seconds)")
    }
    let new = Int(wanted)
    let origin = self.job.extendsBefore ? 0 : sound.sampleCount - known * step
    let mel = try context.withTurn { turn in
      try ClipWindows.analysed(sound, parameters, 0..<known, origin: origin, turn)
    }
    let own = try SpectrogramPicture(mel, parameters: parameters)
    let start = own.image
    let windows = BeatWindows(anyOf: plan, painter: painter, info: info)
    let image =
      self.job.extendsBefore
      ? try windows.preceded(start, by: new, context)
      : try windows.continued(start, to: known + new, context)
    return Painted(
      image: try SpectrogramPicture(
        image: image,
        parameters: parameters, maximum: own.maximum > 0 ? own.maximum : plan.card.maximum),
      known: known)
  }

  private func complete(_ recipe: inout Recipe, output: OutputFormat, channels: Int) {
    recipe["method"] = "Remix"
    recipe.set("extend_seconds", self.seconds)
    if self.job.extendsBefore { recipe.set("extend_before", true) }
    if self.start > 0 { recipe.set("span.start_seconds", self.start) }
    if let bpm = self.job.stretchToBPM { recipe.set("stretch_to_bpm", bpm) }
    recipe.setOutput(
      output, quality: self.job.request.quality, channels: channels,
      fadeMilliseconds: self.job.request.fadeMilliseconds)
  }

  // MARK: Sound

  /// Sends the whole; returns its sample frames.
  private func play(
    _ painted: Painted, _ sound: SpooledSound, _ encoder: any AudioStreamEncoder,
    _ context: JobContext
  ) throws -> Int {
    try context.progress(.sound)
    let added = max(1, Int((self.seconds * Double(SoundPath.sampleRate)).rounded()))
    let count = sound.sampleCount + added
    var made = try self.recovered(painted, sound, context)
    let joint = min(Self.joint, sound.sampleCount, made[0].count - added)
    var fade = Fade(milliseconds: self.job.request.fadeMilliseconds, sampleCount: count)
    var sent = 0
    func send(_ samples: [[Float]]) throws {
      guard !samples[0].isEmpty else { return }
      sent += samples[0].count
      let seconds = Double(samples[0].count) / Double(SoundPath.sampleRate)
      let bytes = try encoder.append(fade.process(samples))
      if !bytes.isEmpty { try context.send(.audio(bytes), seconds: seconds) }
      try context.progress(
        .sound, secondsDone: Double(sent) / Double(SoundPath.sampleRate))
    }
    func send(clip range: Range<Int>) throws {
      for start in stride(from: range.lowerBound, to: range.upperBound, by: SoundPath.sampleRate) {
        try send(
          sound.samples(start..<min(start + SoundPath.sampleRate, range.upperBound)))
      }
    }
    func send(made samples: [[Float]]) throws {
      for start in stride(from: 0, to: samples[0].count, by: SoundPath.sampleRate) {
        let end = min(start + SoundPath.sampleRate, samples[0].count)
        try send(samples.map { Array($0[start..<end]) })
      }
    }
    if self.job.extendsBefore {
      // What was painted ends where the clip begins.
      let skipped = made[0].count - painted.known * painted.step - added
      made = made.map { Array($0[max(0, skipped)..<max(0, skipped) + added + joint]) }
      let own = try sound.samples(0..<joint)
      try send(made: made.map { Array($0[..<added]) })
      try send(Self.turned(made.map { Array($0[added...]) }, into: own))
      try send(clip: joint..<sound.sampleCount)
    } else {
      let place = painted.known * painted.step - joint
      made = made.map { Array($0[place..<place + joint + added]) }
      let own = try sound.samples(sound.sampleCount - joint..<sound.sampleCount)
      try send(clip: 0..<sound.sampleCount - joint)
      try send(Self.turned(own, into: made.map { Array($0[..<joint]) }))
      try send(made: made.map { Array($0[joint...]) })
    }
    let bytes = try encoder.finish()
    if !bytes.isEmpty { try context.send(.audio(bytes)) }
    return count
  }

  /// One sound turning into another; their phases have nothing to do with each other, so powers add up.
  private static func turned(_ before: [[Float]], into after: [[Float]]) -> [[Float]] {
    zip(before, after).map { before, after in
      before.indices.map { index in
        let share = (Float(index) + 0.5) / Float(before.count)
        return (1 - share).squareRoot() * before[index] + share.squareRoot() * after[index]
      }
    }
  }

  /// The picture's sound in the clip's channels, as loud as the clip where it is the clip's, (channel,
  /// sample) at 48 kHz; no shorter than its columns.
  private func recovered(
    _ painted: Painted, _ sound: SpooledSound, _ context: JobContext
  ) throws -> [[Float]] {
    let recovery = try PhaseRecoveryStream(
      painted.image, parameters: painted.image.parameters, quality: self.job.request.quality,
      pool: context.seat.pool)
    let resampler = try StreamResampler(
      from: recovery.sampleRate, to: SoundPath.sampleRate, channels: painted.image.channels)
    var made: [[Float]] = Array(repeating: [], count: painted.image.channels)
    func add(_ samples: [[Float]]) {
      for (channel, values) in samples.enumerated() { made[channel] += values }
    }
    while let samples = try context.withTurn({ turn in
      try recovery.next { try turn.checkpoint() }
    }) {
      try add(resampler.append(samples))
    }
    try add(resampler.finish())
    let known = painted.known * painted.step
    let ownPlace = self.job.extendsBefore ? 0 : sound.sampleCount - known
    let own = try sound.samples(ownPlace..<ownPlace + known)
    let madePlace = self.job.extendsBefore ? made[0].count - known : 0
    var channels = made
    if sound.channelCount > made.count {
      channels = Array(repeating: made[0], count: sound.channelCount)
    } else if sound.channelCount < made.count {
      channels = [zip(made[0], made[1]).map { ($0 + $1) / 2 }]
    }
    let there = channels.map { Array($0[madePlace..<madePlace + known]) }
    let (wanted, got) = (Self.power(own), Self.power(there))
    // Silence says nothing.
    let gain: Float =
      wanted > 1e-9 && got > 1e-12
      ? min(Self.largestGain, max(1 / Self.largestGain, Float((wanted / got).squareRoot()))) : 1
    var limiter = PeakLimiter(channels: channels.count)
    let limited = limiter.process(channels.map { $0.map { $0 * gain } })
    return zip(limited, limiter.finish()).map { $0 + $1 }
  }

  private static func power(_ channels: [[Float]]) -> Double {
    channels.reduce(0) { $0 + KWeighting.meanSquare(of: $1) }
  }
}
