from lab import *
Xs=[std(*[np.load(f'Z_cs{s}.npz')[k] for k in('Z','ZU')])[0] for s in range(4)]
X=np.concatenate(Xs,1)/2
d=np.load('H.npz');H,HU=d['H'],d['HU'];Xh=(H-HU.mean(0))/HU.std(0)/H.shape[1]**.5
Xv=np.concatenate([std(*[np.load(f'Z_v_{s}.npz')[k] for k in('Z','ZU')])[0] for s in (0,1)],1)/2**.5
F={}
for sg in (2.,4.,8.):
    for pw in (.5,.25):
        for L1 in (0,1):
            def f(c,n):
                out=[]
                for a in range(0,n,1000):
                    Z=Inp(.3,.2,pw)(c,np.arange(a,min(n,a+1000)))
                    k=torch.exp(-.5*(torch.arange(-int(4*sg/.2),int(4*sg/.2)+1)*.2/sg)**2)
                    if L1: Z=Z/Z.sum(1,keepdim=True)
                    Z=torch.nn.functional.conv1d(Z[:,None],k[None,None],padding=len(k)//2)[:,0,::5]
                    if not L1: Z=Z/Z.norm(dim=1,keepdim=True)
                    out.append(Z.numpy())
                return np.concatenate(out)
            F[sg,pw,L1]=std(f(Lcsr,len(y)),f(Ucsr,len(UI)))[0]
np.savez('coarse.npz',**{f'{a}_{b}_{c}':v for (a,b,c),v in F.items()})
for nm,dr in (('DR',DR),('DU',DU)):
    for k,v in F.items():
        for C in (.3,3): say(f'coarse after power {k} {nm} C{C}',evaluate(logit(v,C),dr))
    for C in (.3,3,30): say(f'c+v {nm} C{C}',evaluate(logit(np.c_[X,Xv],C),dr))
    for C in (.3,3,30): say(f'c+v+h {nm} C{C}',evaluate(logit(np.c_[X,Xv,Xh],C),dr))
    for C in (.3,3,30): say(f'v+h {nm} C{C}',evaluate(logit(np.c_[Xv,Xh],C),dr))
