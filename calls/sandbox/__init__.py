"""The phone exchange on loopback: Twilio's REST, webhooks, TwiML and Media Streams between legs, without Twilio.

`exchange.Exchange` is the network, `server.make_server` its REST face, `leg.Leg` one party's connection. No Django.
"""
