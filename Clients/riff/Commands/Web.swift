import ArgumentParser
import FramedTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Riff {
  struct Web: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Opens the page that plays, steers and shows the music, in your browser.",
      discussion: """
        riff web
        riff web 'http://127.0.0.1:7433/#kind=piece&p=church+bells&seed=7'

        Starts riff-web, which serves this machine only, and ends with it (Ctrl-C). Where one is running already, it \
        lets your browser in there.
        """)

    @Argument(help: "A link to a moment, as the page copies it.") var link: String?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "The port on 127.0.0.1, 0 for any that is free. (default: 7433)", valueName: "n"),
      transform: Value.whole(0...65_535))
    var port: Int?
    @Flag(inversion: .prefixedNo, help: "Open the browser; without, print the address for it.")
    var browser = true
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let socket = self.riff.socket(self.connection)
      try await interruptible {
        try await DaemonConnection(address: DaemonAddress(socket: socket, group: nil))
          .launchIfNeeded()
        if let address = WebAddress.fromRunning(daemonSocket: socket) {
          let file = try self.show(address, socket)
          defer { _ = file }
          // The browser has to read the file before it goes.
          if file != nil { try await Task.sleep(for: .seconds(10)) }
          return
        }
        let program = try WebProgram(socket: socket, port: self.port)
        guard let line = program.firstLine() else {
          throw Failure(message: "riff-web has ended")
        }
        let file = try self.show(WebAddress(text: line), socket)
        defer { _ = file }
        try await program.ended()
      }
    }

    /// Opens the browser; says the address where there is none.
    private func show(_ address: WebAddress, _ socket: String) throws -> RedirectFile? {
      let address = self.link.map { address.opening($0) } ?? address
      guard self.browser else {
        print(address.text)
        fflush(nil)
        return nil
      }
      let file = try RedirectFile(address, beside: socket)
      guard file.open() else {
        print("Open this in your browser; it lets one in, once, for a minute:\n\(address.text)")
        fflush(nil)
        return nil
      }
      Terminal.standardError.write(
        "riff: the page opens in your browser; if it does not: riff web --no-browser\n")
      return file
    }
  }
}
