import GRPCCore
import Provenance
import RiffProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Takes a job's events: sound and picture to where they go, progress to the terminal.
actor JobOutput {
  /// Where bytes go.
  private enum Sink {
    case file(OutputFile)
    case stream(OutputStream)
    /// A pipe or a device, to be opened.
    case pipe(path: String, said: String)
  }

  private var sound: Sink?
  private var picture: Sink?
  /// What has come of the picture.
  private var parts = PictureParts()
  private var progress: ProgressLine
  private var done: Riff_V1_Done?
  /// What was made, once it is complete.
  private(set) var made: Made?
  private let quiet: Bool
  private let like: Recipe?
  private var drawsNoise = false
  /// Whether files are completed with what has come, whatever ends the job.
  private let keepsWhatCame: Bool
  private var started: Riff_V1_Started?
  /// Where events are told as JSON, in place of words.
  private let json: JSONLines?
  /// What plays the sound besides.
  private let player: Player?
  private var playback: Playback?
  private var playerHasGone = false
  /// How the picture is shown in the terminal, if it is.
  private let graphics: TerminalGraphics?
  /// Why it is shown.
  nonisolated let shown: Shown

  /// Why the terminal shows the picture, if it does.
  enum Shown {
    case no
    /// Because it can.
    case unasked
    case asked
  }

  /// A job's files, the sound's first, and how it ended.
  struct Made {
    var names: [String]
    var done: Riff_V1_Done
  }

  /// Takes warnings in the place of standard error, where others are told of besides.
  private let warned: (@Sendable (String) async -> Void)?

  /// Opens the files.
  ///
  /// - Parameters:
  ///   - take: Which one of several this is, from 0.
  ///   - talk: How much is said, and how.
  ///   - keepsWhatCame: Whether files are kept whatever ends the job.
  ///   - like: How the file was made that this one is to equal.
  ///   - player: What plays the sound besides.
  ///   - warned: Takes warnings in the place of standard error; nothing else is said then.
  /// - Throws: ``Failure`` when the destination cannot be written to.
  init(
    _ destination: Destination, take: Int = 0, talk: TalkFlags, keepsWhatCame: Bool = false,
    like: Recipe? = nil, player: Player? = nil,
    warned: (@Sendable (String) async -> Void)? = nil
  ) throws {
    let json = warned == nil ? JSONLines.ofJob(to: destination) : nil
    self.warned = warned
    self.json = json
    self.quiet = talk.quiet || json != nil
    self.like = like
    self.keepsWhatCame = keepsWhatCame
    self.player = player
    let graphics = talk.graphics(for: destination)
    self.graphics = graphics
    self.shown = graphics == nil ? .no : talk.picture == true ? .asked : .unasked
    self.progress = ProgressLine(
      isShared: destination.isPiped, choice: self.quiet ? TalkFlags.Progress.none : talk.progress)
    self.sound = try destination.sound.map { try Self.sink($0, take: take) }
    self.picture = try destination.picture.map { try Self.sink($0, take: take) }
  }

  private static func sink(_ output: Destination.Output, take: Int) throws -> Sink {
    switch output.target {
    case .standardOutput:
      return .stream(OutputStream(descriptor: STDOUT_FILENO, said: "standard output"))
    case .place(.descriptor(let descriptor), let said):
      return .stream(OutputStream(descriptor: descriptor, said: said))
    case .place(.special(let path, _), let said): return .pipe(path: path, said: said)
    case .place(let place, let said): return .file(try OutputFile(.given(place, said: said)))
    case .free(var names):
      names.first = names.first.map { $0 + take }
      return .file(try OutputFile(.free(names)))
    }
  }

  /// Opens pipes, which may have to wait for their readers.
  func open() async throws {
    if case .pipe(let path, let said) = self.sound {
      self.sound = .stream(try await OutputStream.open(path: path, said: said))
    }
    if case .pipe(let path, let said) = self.picture {
      self.picture = .stream(try await OutputStream.open(path: path, said: said))
    }
  }

  /// Takes all events of a job, and completes the outputs.
  func save(_ response: StreamingClientResponse<Riff_V1_JobEvent>) async throws {
    let names: [String]
    do {
      for try await event in response.messages { try await self.take(event) }
      names = try self.finish()
    } catch {
      self.playback?.abort()
      if self.keepsWhatCame { try self.keep() }
      throw error
    }
    try await self.play(names)
  }

  /// Completes the outputs of a job that broke off, with what has come.
  private func keep() throws {
    guard let started else { return }
    self.progress.clear()
    let files = self.files
    self.chooseNames(of: files, seed: started.seed)
    for file in files { self.report("\(try file.commit()): kept what has come") }
  }

  private var files: [OutputFile] {
    [self.sound, self.picture].compactMap { sink in
      if case .file(let file) = sink { file } else { nil }
    }
  }

  /// Passes sound on to the player, for as long as there is one.
  private func play(_ bytes: [UInt8]) async throws {
    guard let player else { return }
    if self.playback == nil, !self.playerHasGone {
      do {
        self.playback = try player.startStream()
      } catch let failure as Failure where self.sound != nil {
        // The file is made all the same.
        self.warn("the sound is not played: \(failure.message)")
      }
      if self.playback == nil { self.playerHasGone = true }
    }
    do {
      try await self.playback?.write(bytes)
    } catch let failure as Failure where failure.exitCode == Failure.readerQuit.exitCode {
      // Whoever closes the player does not stop the job.
      _ = try? await self.playback?.finish()
      self.playback = nil
      self.playerHasGone = true
    }
  }

  /// Plays what is left, or the whole file where the player does not take streams.
  private func play(_ names: [String]) async throws {
    guard let player else { return }
    let success: Bool
    if let playback {
      success = try await playback.finish()
    } else if !player.playsStreams, let name = names.first {
      success = (try? await player.play(name)) != nil
      try Task.checkCancellation()
    } else {
      return
    }
    if !success { self.warn("\(player.name) could not play the sound") }
  }

  private func take(_ event: Riff_V1_JobEvent) async throws {
    try self.json?.write(event: event)
    switch event.event {
    case .progress(let progress):
      self.progress.show(progress, jobID: event.jobID)
    case .warning(let message):
      if let warned {
        await warned(RequestWords.translate(message))
      } else {
        self.warn(RequestWords.translate(message))
      }
    case .audio(let data):
      let bytes = Array(data)
      try await self.write(bytes, to: self.sound)
      try await self.play(bytes)
    case .spectrogram(let data):
      let bytes = Array(data)
      self.show(bytes)
      if self.picture != nil, let whole = self.parts.add(bytes, at: event.firstColumn) {
        try await self.write(whole, to: self.picture)
      }
    case .done(let done): self.done = done
    case .started(let started): self.begin(started)
    case .change(let change):
      let place = ProgressLine.seconds(Double(change.sample) / 48_000)
      if !self.quiet { self.progress.say("riff: change \(change.id) is heard from \(place) s on") }
    case nil: break
    }
  }

  /// Takes a picture that comes whole.
  func save(picture: [UInt8], warnings: [String]) async throws {
    for warning in warnings { self.warn(RequestWords.translate(warning)) }
    if let recipe = FileNotes(fileStart: picture)?.recipe { self.compare(recipe) }
    self.show(picture)
    try await self.write(picture, to: self.picture)
    if case .file(let file) = self.picture {
      let name = try file.commit()
      self.made = Made(names: [name], done: Riff_V1_Done())
      self.report(name)
    }
  }

  private func write(_ bytes: [UInt8], to sink: Sink?) async throws {
    switch sink {
    case .file(let file): try file.write(bytes)
    case .stream(let stream): try await stream.write(bytes)
    case .pipe, nil: break
    }
  }

  /// Shows a spectrogram at the terminal's width. One that cannot be read is the file's matter.
  private func show(_ picture: [UInt8]) {
    guard let graphics, let levels = try? Levels(picture: picture) else { return }
    self.progress.clear()
    let size = Terminal.standardError.size ?? (columns: 80, rows: 24)
    Terminal.standardError.write(
      TerminalPicture(levels: levels, graphics: graphics)
        .text(columns: size.columns, rows: max(4, min(16, size.rows / 2))))
  }

  private func warn(_ message: String) {
    guard self.json == nil else { return }
    self.progress.say("riff: warning: \(message)", isImportant: true)
  }

  private func report(_ line: String) {
    if !self.quiet { self.progress.say(line, isImportant: true) }
  }

  /// Says the seed at once where sound goes to a pipe: it may be heard, and liked, before it ends.
  private func begin(_ started: Riff_V1_Started) {
    self.started = started
    let settings = Recipe(started.settings.map { Setting($0.name, $0.value) })
    self.parts = PictureParts(settings)
    self.drawsNoise = !started.model.isEmpty
    if self.drawsNoise, case .stream = self.sound ?? self.picture {
      self.report("riff: seed \(started.seed)")
    }
    self.compare(settings)
  }

  /// Warns where the result may differ from the file that it is to equal.
  private func compare(_ settings: Recipe) {
    guard let like else { return }
    // What decides about bytes besides the request.
    for (name, what) in [
      ("version", "the program"), ("model_fingerprint", "the model"),
      ("loras_fingerprint", "the LoRAs"),
      ("precision", "the precision"),
      ("threads", "the number of threads"),
    ] {
      guard let before = like[name], let now = settings[name], before != now else { continue }
      self.warn("\(what) was \(before) and is \(now), so the result may differ")
    }
  }

  /// Completes the outputs and tells what was made.
  ///
  /// - Returns: The files' names, the sound's first.
  private func finish() throws -> [String] {
    self.progress.clear()
    guard let done = self.done else {
      throw Failure(message: "the daemon ended the job without saying it was done")
    }
    switch self.sound {
    case .file(let file): try file.overwriteStart(Array(done.header))
    case .stream(let stream): try stream.overwriteStart(Array(done.header))
    case .pipe, nil: break
    }
    let files = self.files
    self.chooseNames(of: files, seed: done.seed)
    let names = try files.map { try $0.commit() }
    self.made = Made(names: names, done: done)
    if !names.isEmpty { self.report(done, names: names) }
    return names
  }

  /// Names that the user did not choose have the seed in them, where there is one; numbered takes'
  /// sound and picture have the same number.
  private func chooseNames(of files: [OutputFile], seed: UInt64) {
    var free: [(file: OutputFile, names: FreeName)] = files.compactMap { file in
      guard case .free(let names) = file.name else { return nil }
      return (file, names)
    }
    for index in free.indices {
      let names = free[index].names
      if names.first == nil, !names.isChosen, self.drawsNoise {
        free[index].names.base += "-\(seed)"
      }
    }
    var taken = 0
    while taken < FreeName.limit,
      free.contains(where: { access($0.names.path(taken), F_OK) == 0 })
    {
      taken += 1
    }
    for (file, var names) in free {
      if let first = names.first { names.first = first + taken }
      file.name = .free(names)
    }
  }

  private func report(_ done: Riff_V1_Done, names: [String]) {
    var line = names.joined(separator: ", ")
    if done.durationSamples > 0 {
      line += ": \(ProgressLine.seconds(Double(done.durationSamples) / 48_000)) s"
    }
    let times = done.timings.filter { $0.seconds >= 0.05 }.map {
      "\(Self.name($0.stage)) \(ProgressLine.seconds($0.seconds)) s"
    }
    if !times.isEmpty { line += " (\(times.joined(separator: ", ")))" }
    let work = done.timings.reduce(0) { $1.stage == .queued ? $0 : $0 + $1.seconds }
    if done.durationSamples > 0, work > 0 {
      let seconds = Double(done.durationSamples) / 48_000
      line += ", \(ProgressLine.seconds(seconds / work))× real time"
    }
    if self.drawsNoise { line += ", seed \(done.seed)" }
    self.report(line)
  }

  private static func name(_ stage: Riff_V1_Stage) -> String {
    switch stage {
    case .queued: "waiting"
    case .loading: "loading"
    case .encoding: "encoding"
    case .denoising: "painting"
    case .decoding: "decoding"
    case .sound: "sound"
    case .unspecified, .UNRECOGNIZED: "other"
    }
  }
}
