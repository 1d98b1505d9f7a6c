import Foundation
import Testing

extension DaemonTests {
  /// `riff` speaks of its own options, in plain words.
  @Suite struct WordsTests {
    @Test func wrongValuesSayWhatIsRightAndExitWith64() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      for (arguments, said) in [
        ("generate church bells", #"quote the prompt: riff generate "church bells""#),
        ("generat x", "did you mean “generate”?"),
        ("spectogram x.wav", "did you mean “spectrogram”?"),
        ("--socket s mdels", "did you mean “models”?"),
        ("dance", "there are: generate, remix, extend, morph"),
        ("generate x --durtion 3", "Did you mean '--duration'?"),
        ("generate x --seed -1", "--seed must be a whole number from 0 to"),
        ("generate x --seed -1", "not -1"), ("generate x --steps 0", "--steps must be"),
        ("generate x --steps many", "not many"),
        ("generate x --guidance nan", "--guidance must be"),
        ("generate x --guidance -3", "--guidance must be a number from 0 to 100, not -3"),
        ("generate x --guidance-interval 0.8-0.2", "--guidance-interval must be two numbers"),
        ("generate x --guidance-interval 0.5", "--guidance-interval must be two numbers"),
        ("generate x --deep-cache 0", "--deep-cache must be a whole number from 1 to 100"),
        ("generate x --duration 0", "--duration must be a number above 0, not 0"),
        ("generate x --duration 9999", "--duration"), ("generate x --width 33", "--width"),
        ("generate x --duration 3 --width 64", "give one"),
        ("generate '  '", "the prompt is empty"),
        ("generate x --model none", "--model"), ("generate x --scheduler none", "--scheduler"),
        ("generate x --strength 2 --init a.wav", "--strength must be a number from 0 to 1, not 2"),
        ("generate x --strength 0.5", "--init"), ("generate x --eta -1", "--eta must be"),
        ("generate x -o a.opus --bitrate 1k", "--bitrate must be 6000 to 510000 for Opus"),
        ("generate x -o a.mp3 --bitrate 100k", "--bitrate must be one of 32000"),
        ("generate x -o a.wav --bitrate 96k", "--bitrate is for Opus and MP3"),
        ("generate x -o a.flac --sample-format f32", "s16 or s24"),
        ("generate x -o a.opus --sample-format s16", "--sample-format is for WAV and FLAC"),
        ("generate x -o a.wav --fade 10001", "--fade must be"),
        ("render x.png --step 0", "--step must be"),
        ("render x.png -o x.png", "render makes sound"),
        ("spectrogram x.wav --bins 0", "--bins must be"),
        ("spectrogram x.wav -o x.opus", "the spectrogram is a .png"),
      ] {
        let result = try await daemon.shell("riff \(arguments)", in: folder)
        #expect(result.status == 64, "\(arguments): \(result.status), \(result.errors)")
        #expect(result.errors.contains(said), "\(arguments): \(result.errors)")
        #expect(result.errors.hasPrefix("riff: "), "\(arguments): \(result.errors)")
        // Names of the protocol's fields stay in the protocol.
        for field in ["duration_seconds", "guidance_scale", "sample_format", "step_ms", "fade_ms"] {
          #expect(!result.errors.contains(field), "\(arguments): \(result.errors)")
        }
      }
      #expect(folder.contents.isEmpty)
    }

    @Test func theUploadsFaultsAreSaidOfTheFile() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let result = try await daemon.shell(
        """
        echo text > notes.txt
        riff spectrogram notes.txt -o a.png; [ $? = 1 ] || exit 1
        riff render - -o a.opus < notes.txt; [ $? = 1 ] || exit 1
        """, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.errors.contains("riff: notes.txt: "), "\(result.errors)")
      #expect(result.errors.contains("riff: standard input: "), "\(result.errors)")
      #expect(!result.errors.contains("audio:") && !result.errors.contains("image:"))
    }

    @Test func helpSaysWhatThereIs() async throws {
      let riff = try Checkout.program("riff")
      let generate = try await Program.run(riff, ["generate", "--help"])
      let help = String(decoding: generate.output, as: UTF8.self)
      #expect(generate.status == 0)
      for option in ["--format", "--sample-format", "--fade", "--count", ".flac", ".mp3"] {
        #expect(help.contains(option), "\(option)")
      }
      #expect(!help.contains("surplus"))
    }
  }
}
