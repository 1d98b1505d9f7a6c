import ArgumentParser
import Diffusion

extension Instructions: ExpressibleByArgument {}
