public import ArgumentParser
public import Diffusion

extension Precision: ExpressibleByArgument {}
